import { beforeAll, expect, test } from 'vitest';
import { monotonic, now } from '../core/clock.ts';
import { storeReadings } from '../core/testing/store-readings.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { createStage, type Stage } from './testing/stage.ts';
import { openStream } from './testing/stream-client.ts';

const startMs = Math.floor(now()) - 3_600_000;
let signals: number[];

async function createBusyStage(slowMs: number): Promise<{ stage: Stage; address: string }> {
  const stage = await createStage('postgres', { live: { tickMs: 5, slowMs } });
  const { plant, database } = stage;
  const rows = await database.query<{ signal_id: number }>(
    `insert into signal (organization_id, machine_id, name, kind, quantity)
     select $1, $2, 'extra-' || n, 'measurement', 'extra' from generate_series(1, 3000) n returning signal_id`,
    [plant.organization_id, plant.machine_ids[1]],
  );
  signals = rows.map((row) => row.signal_id);
  return { stage, address: await stage.app.listen({ host: '127.0.0.1', port: 0 }) };
}

/** One batch of 3,000 readings: an event of some 100 KB. */
function storeRound(stage: Stage, round: number): Promise<number> {
  return storeReadings(
    stage.database,
    signals.map((signal_id) => ({ signal_id, time_us: (startMs + round) * 1000, value: round + 0.123456789 })),
  );
}

async function skippedTicks(stage: Stage): Promise<number> {
  const { body } = await stage.ask({ url: '/metrics' });
  return Number(/^millrace_stream_skipped_ticks_total (\d+)$/m.exec(body)?.[1]);
}

let busy: { stage: Stage; address: string };
beforeAll(async () => {
  busy = await createBusyStage(60_000);
});

test('a client that does not read misses ticks, not the newest values, and disturbs nobody', async () => {
  const { stage, address } = busy;
  const slow = await openStream(address, '/api/v1/stream?topics=values', stage.tokens.viewer);
  const fast = await openStream(address, '/api/v1/stream?topics=values', stage.tokens.viewer);
  await slow.next('snapshot');
  await fast.next('snapshot');
  slow.pause();
  let round = 0;
  // The system's own buffers take some megabytes before anything is refused.
  await waitUntil(
    'the slow client has missed 20 ticks',
    async () => {
      round++;
      await storeRound(stage, round);
      return (await skippedTicks(stage)) >= 20;
    },
    { limitMs: 50_000, everyMs: 1 },
  );
  await fast.next('values', (data) => data.time_ms[0] === startMs + round);
  slow.resume();
  const caughtUp = await slow.next('snapshot', (data) => data.values?.time_ms[0] === startMs + round);
  expect(caughtUp.values?.value.every((value) => value === round + 0.123456789)).toBe(true);
  const valuesOf = (events: typeof slow.events) => events.filter((event) => event.name === 'values').length;
  expect(valuesOf(slow.events)).toBeLessThan(valuesOf(fast.events) - 10);
  // After that it follows again.
  await storeRound(stage, round + 1);
  await slow.next('values', (data) => data.time_ms[0] === startMs + round + 1);
  slow.close();
  fast.close();
});

test('closing the API ends all streams at once', async () => {
  const { stage, address } = busy;
  const reader = await openStream(address, '/api/v1/stream', stage.tokens.viewer);
  await reader.next('snapshot');
  const startedAt = monotonic();
  await stage.app.close();
  expect(monotonic() - startedAt).toBeLessThan(2000);
  await waitUntil('the stream has ended', () => reader.ended);
});

test('a client that stays stuck is cut off', async () => {
  const { stage, address } = await createBusyStage(500);
  const stuck = await openStream(address, '/api/v1/stream?topics=values', stage.tokens.viewer);
  await stuck.next('snapshot');
  stuck.pause();
  let round = 0;
  await waitUntil(
    'the stream was cut',
    async () => {
      round++;
      await storeRound(stage, round);
      return /^millrace_stream_clients 0$/m.test((await stage.ask({ url: '/metrics' })).body);
    },
    { limitMs: 50_000, everyMs: 1 },
  );
  expect(await skippedTicks(stage)).toBeGreaterThan(0);
  stuck.close();
});
