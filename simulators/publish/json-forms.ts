import { toTimestamp } from '../../core/clock.ts';
import { packStateNames } from '../../core/packml.ts';
import type { Sample, SimulatedMachine } from '../simulated-plant.ts';
import type { EdgeMessage } from './edge-buffer.ts';

/**
 * The ways in which plants write JSON over MQTT. Each line has one, so that all of the contract is spoken:
 * `single`: one message a reading; `array`: a signal's readings of three seconds in one message;
 * `machine`: all of a machine at one moment; `machine-array`: a machine's last two moments.
 */
export const jsonForms = ['single', 'array', 'machine', 'machine-array'] as const;
export type JsonForm = (typeof jsonForms)[number];

export interface JsonWriter {
  write(machine: SimulatedMachine, samples: readonly Sample[]): EdgeMessage[];
  /** What is still collected; at the end. */
  flush(): EdgeMessage[];
}

interface Moment {
  ts: number | string;
  values: Record<string, number | string>;
}

/** Turns a line's samples into messages of its form. Machines that send text for states send names, others numbers. */
export function createJsonWriter(form: JsonForm): JsonWriter {
  const collected = new Map<string, { items: unknown[]; readings: number }>();
  // Half of the forms stamp in milliseconds, the others in RFC 3339, since both are allowed.
  const stamp = (timeMs: number): number | string =>
    form === 'single' || form === 'machine' ? timeMs : toTimestamp(timeMs);
  const valueOf = ({ signal, value }: Sample): number | string =>
    signal.plant.kind === 'state' && form !== 'array' ? (packStateNames.get(Number(value)) ?? value) : value;

  /** Keeps `item` until `enough` of them are there for `topic`, then makes one message of them. */
  function collect(topic: string, item: unknown, readings: number, enough: number): EdgeMessage[] {
    const entry = collected.get(topic) ?? { items: [], readings: 0 };
    collected.set(topic, entry);
    entry.items.push(item);
    entry.readings += readings;
    if (entry.items.length < enough) return [];
    collected.delete(topic);
    return [{ topic, payload: JSON.stringify(entry.items), readings: entry.readings }];
  }

  function write(machine: SimulatedMachine, samples: readonly Sample[]): EdgeMessage[] {
    if (form === 'single') {
      return samples.map((sample) => ({
        topic: sample.signal.source.address,
        payload: JSON.stringify({ ts: sample.time_ms, value: valueOf(sample), quality: 'good' }),
        readings: 1,
      }));
    }
    if (form === 'array') {
      return samples.flatMap((sample) => {
        // Only measurements come every second; a state that waited for two more would be minutes old.
        const enough = sample.signal.plant.kind === 'measurement' ? 3 : 1;
        return collect(sample.signal.source.address, { ts: stamp(sample.time_ms), value: valueOf(sample) }, 1, enough);
      });
    }
    const topic = `${machine.enterprise}/${machine.site}/${machine.line}/${machine.name}`;
    return momentsOf(samples).flatMap((moment) => {
      const readings = Object.keys(moment.values).length;
      if (form === 'machine') return [{ topic, payload: JSON.stringify(moment), readings }];
      return collect(topic, moment, readings, 2);
    });
  }

  /** One object a moment; a signal that speaks twice at the same moment (a duplicate) needs another object. */
  function momentsOf(samples: readonly Sample[]): Moment[] {
    const moments: { timeMs: number; moment: Moment }[] = [];
    for (const sample of samples) {
      const { name } = sample.signal.plant;
      let found = moments.find(({ timeMs, moment }) => timeMs === sample.time_ms && !(name in moment.values));
      if (found === undefined) {
        found = { timeMs: sample.time_ms, moment: { ts: stamp(sample.time_ms), values: {} } };
        moments.push(found);
      }
      found.moment.values[name] = valueOf(sample);
    }
    return moments.map(({ moment }) => moment);
  }

  return {
    write,
    flush() {
      const rest = [...collected].map(([topic, { items, readings }]) => ({
        topic,
        payload: JSON.stringify(items),
        readings,
      }));
      collected.clear();
      return rest;
    },
  };
}
