import { connect } from 'mqtt';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { Datatype } from '../../core/sparkplug/datatype.ts';
import type { MetricToWrite } from '../../core/sparkplug/encode-payload.ts';
import { encodeData, encodeDeviceBirth, encodeNodeBirth, encodeNodeDeath } from '../../core/sparkplug/messages.ts';
import { formatTopic, type Verb } from '../../core/sparkplug/topic.ts';
import type { SentCounts } from '../sent.ts';
import type { Sample, SimulatedMachine, SimulatedSignal } from '../simulated-plant.ts';
import { isRebirthRequest } from './rebirth-request.ts';

export interface EdgeNode {
  publish(machine: SimulatedMachine, samples: readonly Sample[]): void;
  isConnected(): boolean;
  isBusy(): boolean;
  counts(): Omit<SentCounts, 'protocol' | 'source'>;
  close(): Promise<void>;
}

export interface EdgeNodeOptions {
  url: string;
  /** See MqttOptions. */
  instance: string;
  group: string;
  edge: string;
  devices: readonly SimulatedMachine[];
  /** The plant's time. */
  clock: Clock;
  /** bdSeq of the last connection by `group/edge node`; written on each connect. */
  birthDeath: Record<string, number>;
  log: Log;
}

/** Readings kept while the broker is away: ten minutes of twelve machines. */
const capacity = 60_000;
/** Metrics of one message when the kept ones are sent afterwards. */
const chunk = 500;

/**
 * One Sparkplug B edge node: NDEATH as its will, NBIRTH and a DBIRTH for each device on connecting, DDATA by alias,
 * births again when a host asks by NCMD. What is measured while the broker is away is kept and sent afterwards as
 * is_historical; what is written to a dying connection is lost, as QoS 0 is, and shows as a gap in `seq`.
 */
export function openEdgeNode({
  url,
  instance,
  group,
  edge,
  devices,
  clock,
  birthDeath,
  log,
}: EdgeNodeOptions): EdgeNode {
  const source = `${group}/${edge}`;
  const signals = devices.flatMap((device) => device.signals);
  const aliases = new Map(signals.map((signal, index) => [signal, index + 1]));
  const latest = new Map<SimulatedSignal, Sample>();
  const heard = new Set<SimulatedMachine>();
  const counts = { sent: 0, dropped: 0, messages: 0 };
  let kept: Sample[] = [];
  let seq = 0;
  let born = false;
  const topic = (verb: Verb, device = ''): string => formatTopic({ group, verb, edge, device });
  const client = connect(url, {
    clientId: `simulator-${instance}-${group}-${edge}`,
    clean: true,
    reconnectPeriod: 1000,
    connectTimeout: 5000,
    keepalive: 30,
    queueQoSZero: false,
    resubscribe: false,
    will: nextWill(),
  });

  function nextWill() {
    const bdSeq = ((birthDeath[source] ?? -1) + 1) % 256;
    birthDeath[source] = bdSeq;
    return { topic: topic('NDEATH'), payload: encodeNodeDeath(clock(), bdSeq), qos: 1 as const, retain: false };
  }
  function nextSeq(): number {
    const now = seq;
    seq = (seq + 1) % 256;
    return now;
  }
  function send(verb: Verb, device: string, payload: Buffer, readings: number): void {
    client.publish(topic(verb, device), payload, { qos: 0 });
    counts.messages++;
    counts.sent += readings;
  }

  function bear(): void {
    if (!client.connected || heard.size < devices.length) return;
    seq = 0;
    const nowMs = clock();
    send(
      'NBIRTH',
      '',
      encodeNodeBirth({ timestampMs: nowMs, seq: nextSeq(), metrics: [] }, birthDeath[source] ?? 0),
      0,
    );
    for (const device of devices) {
      const metrics = device.signals.map((signal) => metricOf(signal, latest.get(signal) ?? readNow(signal), true));
      send('DBIRTH', device.name, encodeDeviceBirth({ timestampMs: nowMs, seq: nextSeq(), metrics }), metrics.length);
    }
    born = true;
    // What the birth itself has said need not be said again.
    kept = kept.filter((sample) => latest.get(sample.signal) !== sample);
    sendKept();
  }
  /**
   * A signal whose first sample went missing still has a value at its birth: of a millisecond later, because that sample
   * may only be late, and two values of one moment contradict each other.
   */
  function readNow(signal: SimulatedSignal): Sample {
    const timeMs = (latest.get(signal.machine.signals[0] ?? signal)?.time_ms ?? Math.floor(clock())) + 1;
    const sample = { signal, time_ms: timeMs, value: signal.machine.machine.read(signal.index) ?? 0 };
    latest.set(signal, sample);
    return sample;
  }
  function metricOf(signal: SimulatedSignal, sample: Sample, withName: boolean, isHistorical = false): MetricToWrite {
    return {
      ...(withName ? { name: signal.plant.name } : {}),
      alias: aliases.get(signal) ?? 0,
      timestamp_ms: sample.time_ms,
      datatype: datatypeOf(signal),
      value: sample.value,
      ...(isHistorical ? { is_historical: true } : {}),
    };
  }
  function sendKept(): void {
    const groups = Map.groupBy(kept, (sample) => sample.signal.machine);
    kept = [];
    for (const [device, samples] of groups) {
      for (let from = 0; from < samples.length; from += chunk) {
        const part = samples.slice(from, from + chunk).map((sample) => metricOf(sample.signal, sample, false, true));
        send('DDATA', device.name, encodeData({ timestampMs: clock(), seq: nextSeq(), metrics: part }), part.length);
      }
    }
  }

  client.on('connect', () => {
    client.subscribe(topic('NCMD'), { qos: 1 }, (error) => {
      if (error == null) bear();
      else log.warn({ error, source }, 'subscribing to commands failed');
    });
  });
  client.on('close', () => {
    if (born && !client.disconnecting) log.warn({ source }, 'the broker is away');
    born = false;
  });
  // Before each reconnect: the new connection's will carries the next bdSeq.
  client.on('reconnect', () => {
    client.options.will = nextWill();
  });
  client.on('error', (error) => log.debug({ error, source }, 'connection failed'));
  client.on('message', (_topic, payload) => {
    if (!isRebirthRequest(payload)) return;
    log.info({ source }, 'a host asked for a rebirth');
    bear();
  });

  return {
    publish(machine, samples) {
      if (!born) {
        kept.push(...samples);
        for (const sample of samples) remember(sample);
        if (!heard.has(machine)) {
          heard.add(machine);
          // The birth says the values of now; what led up to it has been kept, and goes out after it.
          if (heard.size === devices.length) bear();
        }
        if (kept.length > capacity) {
          counts.dropped += kept.length - capacity;
          kept = kept.slice(-capacity);
        }
        return;
      }
      for (const sample of samples) remember(sample);
      const metrics = samples.map((sample) => metricOf(sample.signal, sample, false, sample.is_late === true));
      const payload = encodeData({ timestampMs: clock(), seq: nextSeq(), metrics });
      send('DDATA', machine.name, payload, metrics.length);
    },
    isConnected: () => client.connected,
    isBusy: () => kept.length > capacity / 2,
    counts: () => ({ ...counts, waiting: kept.length }),
    async close() {
      if (client.connected) {
        // An orderly end sends no will, so the death is said by hand.
        const { payload } = client.options.will ?? {};
        if (payload !== undefined) client.publish(topic('NDEATH'), payload, { qos: 1 });
      }
      await client.endAsync(!client.connected);
    },
  };

  function remember(sample: Sample): void {
    if (sample.is_late !== true) latest.set(sample.signal, sample);
  }
}

function datatypeOf({ plant }: SimulatedSignal): number {
  switch (plant.kind) {
    case 'measurement':
      return Datatype.Double;
    case 'state':
      return Datatype.Int32;
    case 'counter':
      return Datatype.Int64;
    case 'fault':
      return Datatype.UInt32;
    case 'order':
      return Datatype.String;
  }
}
