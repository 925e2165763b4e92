import { createHash } from 'node:crypto';
import mqtt from 'mqtt';
import type { Database } from '../../../core/database.ts';
import type { TestSignal } from '../../testing/test-plant.ts';

export interface Publisher {
  /** Publishes `count` more readings at QoS 1, one a message; 1 % twice, 5 % an hour late, in random order within 50. Resolves when all are acknowledged. */
  publish(count: number): Promise<void>;
  /** Distinct readings that the broker has acknowledged, and the checksum over them. */
  acknowledged(): Checksum;
  /** Messages acknowledged, those sent twice counted twice. */
  readonly messages: number;
  close(): Promise<void>;
}

export interface Checksum {
  readings: number;
  sum: number;
}

/** A seeded source of readings for fault tests: what it was told is acknowledged must be what the database holds. */
export async function startPublisher(
  url: string,
  signals: TestSignal[],
  startMs: number,
  seed = 1781,
): Promise<Publisher> {
  const client = await mqtt.connectAsync(url, { clientId: `publisher-${seed}` });
  const acknowledged = new Set<string>();
  let state = seed;
  let index = 0;
  let messages = 0;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };

  async function publishOne(number: number, late: boolean): Promise<void> {
    const signal = signals[number % signals.length];
    if (signal === undefined) return;
    const ts = startMs + Math.floor(number / signals.length) - (late ? 3_600_000 : 0);
    const value = number / 8;
    await client.publishAsync(signal.address, JSON.stringify({ ts, value }), { qos: 1 });
    messages++;
    acknowledged.add(`${signal.signal_id}|${ts}000|${value}`);
  }

  return {
    async publish(count) {
      for (let done = 0; done < count; ) {
        const group = Array.from({ length: Math.min(50, count - done) }, () => index++);
        done += group.length;
        for (let place = group.length - 1; place > 0; place--) {
          const other = Math.floor(random() * (place + 1));
          [group[place], group[other]] = [group[other] ?? 0, group[place] ?? 0];
        }
        const again = group.filter(() => random() < 0.01);
        const late = new Set(group.filter(() => random() < 0.05));
        await Promise.all([...group, ...again].map((number) => publishOne(number, late.has(number))));
      }
    },
    acknowledged() {
      let sum = 0;
      for (const reading of acknowledged) sum += createHash('md5').update(reading).digest().readUInt32BE(0);
      return { readings: acknowledged.size, sum };
    },
    get messages() {
      return messages;
    },
    close: () => client.endAsync(),
  };
}

/** The same checksum over what the database holds. */
export async function storedChecksum(database: Database): Promise<Checksum> {
  const [row] = await database.query<Checksum>(
    `select count(*) as readings,
            coalesce(sum(('x' || substr(md5(signal_id || '|' || (extract(epoch from time) * 1000000)::int8 || '|' || value), 1, 8))::bit(32)::int8), 0) as sum
       from reading`,
  );
  return row ?? { readings: 0, sum: 0 };
}

/** The books' two sides, and what the gateway says is not stored yet. */
export async function readBooks(database: Database): Promise<{ received: number; ended: number; stored: number }> {
  const [row] = await database.query<{ received: number; ended: number; stored: number }>(
    `select coalesce(sum(received), 0)::int8 as received, coalesce(sum(stored + duplicate + rejected + parked + dropped), 0)::int8 as ended,
            coalesce(sum(stored), 0)::int8 as stored from ledger`,
  );
  return row ?? { received: 0, ended: 0, stored: 0 };
}
