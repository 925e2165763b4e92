import { createHash } from 'node:crypto';
import mqtt from 'mqtt';
import type { TestSignal } from '../../testing/test-plant.ts';

/** How unruly the publisher is: shares of readings. */
export interface Mess {
  /** Sent a second time. */
  twice: number;
  /** Stamped an hour ago. */
  late: number;
  /** Readings are sent in random order within so many. */
  shuffledWithin: number;
}

export interface Publisher {
  /** Publishes `count` more readings at QoS 1, one a message. Resolves when all are acknowledged. */
  publish(count: number): Promise<void>;
  /** One reading more with a time of the test's own, QoS 1. */
  publishReading(signal: TestSignal, timeMs: number, value: number): Promise<void>;
  /** Any bytes on any topic, QoS 1. */
  publishBytes(topic: string, payload: Buffer): Promise<void>;
  /** Distinct readings handed to the client. */
  readonly sent: number;
  /** Distinct readings that the broker has acknowledged, each as `signal|time in µs|value`. */
  readonly acknowledged: ReadonlySet<string>;
  /** Messages acknowledged, those sent twice counted twice, those of publishBytes included. */
  readonly messages: number;
  /** Of the messages of publishBytes those without a payload: they clear a retained message and are no readings. */
  readonly emptyMessages: number;
  close(): Promise<void>;
}

const usualMess: Mess = { twice: 0.01, late: 0.05, shuffledWithin: 50 };

/**
 * A seeded source of readings for fault tests: what it was told is acknowledged must be what the database holds. When
 * the broker goes away it connects again and sends once more what was not acknowledged, as MQTT.js does by itself.
 */
export async function startPublisher(
  url: string,
  signals: TestSignal[],
  startMs: number,
  { seed = 1781, mess = usualMess }: { seed?: number; mess?: Mess } = {},
): Promise<Publisher> {
  const client = await mqtt.connectAsync(url, { clientId: `publisher-${seed}`, reconnectPeriod: 200 });
  client.on('error', () => undefined);
  const acknowledged = new Set<string>();
  let state = seed;
  let sent = 0;
  let extra = 0;
  let messages = 0;
  let emptyMessages = 0;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };

  async function send(signal: TestSignal, timeMs: number, value: number): Promise<void> {
    await client.publishAsync(signal.address, JSON.stringify({ ts: timeMs, value }), { qos: 1 });
    messages++;
    acknowledged.add(`${signal.signal_id}|${timeMs}000|${value}`);
  }

  async function publishOne(number: number, late: boolean): Promise<void> {
    const signal = signals[number % signals.length];
    if (signal === undefined) return;
    await send(signal, startMs + Math.floor(number / signals.length) - (late ? 3_600_000 : 0), number / 8);
  }

  return {
    async publish(count) {
      for (let done = 0; done < count; ) {
        const group = Array.from({ length: Math.min(mess.shuffledWithin, count - done) }, () => sent++);
        done += group.length;
        for (let place = group.length - 1; place > 0; place--) {
          const other = Math.floor(random() * (place + 1));
          [group[place], group[other]] = [group[other] ?? 0, group[place] ?? 0];
        }
        const again = group.filter(() => random() < mess.twice);
        const late = new Set(group.filter(() => random() < mess.late));
        await Promise.all([...group, ...again].map((number) => publishOne(number, late.has(number))));
      }
    },
    publishReading(signal, timeMs, value) {
      extra++;
      return send(signal, timeMs, value);
    },
    async publishBytes(topic, payload) {
      await client.publishAsync(topic, payload, { qos: 1 });
      if (payload.length === 0) emptyMessages++;
      else messages++;
    },
    get sent() {
      return sent + extra;
    },
    acknowledged,
    get messages() {
      return messages;
    },
    get emptyMessages() {
      return emptyMessages;
    },
    close: () => client.endAsync(true),
  };
}

export interface Checksum {
  readings: number;
  sum: number;
}

/** A checksum over readings written as the publisher writes them; `storedChecksum` computes the same in the database. */
export function checksumOf(readings: ReadonlySet<string>): Checksum {
  let sum = 0;
  for (const reading of readings) sum += createHash('md5').update(reading).digest().readUInt32BE(0);
  return { readings: readings.size, sum };
}
