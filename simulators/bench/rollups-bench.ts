import { join } from 'node:path';
import { monotonic, now, pause } from '../../core/clock.ts';
import { benchAddress, benchSignals, type PlantSize } from './bench-plant.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { Bench } from './context.ts';
import { gateRollups } from './gates.ts';
import { loadRows, writeRowFile } from './load-rows.ts';
import { publishPacket } from './frames.ts';
import { openMqttSocket } from './mqtt-socket.ts';
import { openPlantDatabase } from './rig.ts';
import { median, quantile } from './statistics.ts';

/** 1,781 sensors at 1 Hz. */
const size: PlantSize = { lines: 1, machines_per_line: 13, signals_per_machine: 137 };

/** What a late reading costs until its rollups of every level are right again, and what a new minute and an hour cost. */
export async function rollupsBench(bench: Bench): Promise<void> {
  const { database, signalIds } = await openPlantDatabase(bench, size, 'mqtt');
  const ticks = Math.max(300, bench.seconds);
  const start = Math.floor(now() / 60_000) * 60_000 - ticks * 1000 - 600_000;
  const file = await writeRowFile(bench.runDir, signalIds, ticks, start, 1000, bench.result.seed);
  bench.atEnd(() => file.remove());
  await loadRows(database, 'reading', file);
  // What autovacuum does within a minute: statistics, and the BRIN of what was just loaded.
  await database.database.query('vacuum (analyze) reading');
  const refresh = async (fromMs: number, toMs: number): Promise<number> => {
    const began = monotonic();
    await database.database.withConnection((connection) =>
      connection.query('call refresh_rollups(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000))', [
        fromMs,
        toMs,
      ]),
    );
    return monotonic() - began;
  };
  const whole = await refresh(start, start + ticks * 1000);
  bench.measure({ what: `first refresh of ${ticks} s of the whole plant`, value: whole / 1000, unit: 's' });
  // As analytics does it for a late reading that the store has noted.
  const refreshMinute = async (signalId: number | undefined, timeMs: number): Promise<number> => {
    const began = monotonic();
    await database.database.withConnection((connection) =>
      connection.query('call refresh_rollup_minutes(array[$1::int], array[to_timestamp($2::float8 / 1000)])', [
        signalId,
        timeMs,
      ]),
    );
    return monotonic() - began;
  };
  const late: number[] = [];
  const repeats = Math.max(20, bench.repeats * 4);
  for (let repeat = 0; repeat < repeats; repeat++) {
    const time = start + 7000 + ((repeat * 37_000) % ((ticks - 60) * 1000)) + 0.5;
    await database.database.query(
      `insert into reading (time, signal_id, value, quality) values (to_timestamp($1::float8 / 1000), $2, 77, 192)`,
      [time, signalIds[(repeat * 31) % signalIds.length]],
    );
    late.push(await refreshMinute(signalIds[(repeat * 31) % signalIds.length], time));
  }
  const goal = bench.engine === 'timescale' ? 60 : 180;
  bench.measure({
    what: 'one late reading → all rollups right',
    value: median(late),
    unit: 'ms',
    repeats: late,
    note: 'the refresh alone, called as analytics calls it',
    goal: { text: bench.engine === 'timescale' ? '≤ 60 ms' : 'within 3 × of 60 ms', met: median(late) <= goal },
  });
  bench.measure({ what: 'one late reading → all rollups right, p95', value: quantile(late, 0.95), unit: 'ms' });
  await wholeWay(bench, database, signalIds, start, ticks);
  const minutes: number[] = [];
  for (let repeat = 0; repeat < bench.repeats; repeat++) {
    const minute = start + ticks * 1000 + repeat * 60_000;
    const next = await writeRowFile(
      bench.runDir,
      signalIds,
      60,
      Math.floor(minute / 60_000) * 60_000 + 60_000,
      1000,
      repeat + 3,
    );
    await loadRows(database, 'reading', next);
    await next.remove();
    minutes.push(
      await refresh(Math.floor(minute / 60_000) * 60_000 + 60_000, Math.floor(minute / 60_000) * 60_000 + 119_000),
    );
  }
  bench.measure({ what: 'a new minute of the whole plant', value: median(minutes), unit: 'ms', repeats: minutes });
  for (const reason of await gateRollups(database, start, now())) bench.refuse(reason);
}

const lateReadings = 5;
/** Apart by more than the store's bell for late readings rests. */
const lateEveryMs = 5500;
const levels = ['reading_1m', 'reading_1h', 'reading_1d', 'reading_1mo'];

/**
 * The whole way of a late reading: published, received, journaled, stored and noted by ingest, which rings for analytics,
 * right in the rollups that a user reads.
 */
async function wholeWay(
  bench: Bench,
  database: BenchDatabase,
  signalIds: readonly number[],
  start: number,
  ticks: number,
): Promise<void> {
  const broker = await bench.broker('roomy');
  const environment = { DATABASE_URL: database.url, MQTT_URL: broker.url, REDIS_URL: '', OPCUA_URLS: '' };
  const ingest = await bench.room('ingest/main.ts', { ...environment, DATA_DIR: join(bench.runDir, 'late-ingest') });
  const analytics = await bench.room('analytics/main.ts', {
    ...environment,
    DATA_DIR: join(bench.runDir, 'late-analytics'),
  });
  const socket = await openMqttSocket(broker.url, 'bench-late');
  const signals = signalIds.slice(0, lateReadings);
  // The least of all levels: a reading counts when the last of them has it.
  const countsOf = async (): Promise<Map<number, number>> => {
    const rows = await database.database.query<{ signal_id: number; count: number }>(
      `select s as signal_id, least(${levels.map((level) => `(select sum(count) from ${level} where signal_id = s)`).join(', ')})::float8 as count
         from unnest($1::int[]) s`,
      [signals],
    );
    return new Map(rows.map(({ signal_id, count }) => [signal_id, count]));
  };
  const before = await countsOf();
  const sentAt = new Map<number, number>();
  const sending = (async () => {
    for (const [index, signal] of benchSignals(size).slice(0, lateReadings).entries()) {
      const ts = start + ((index * 60) % (ticks - 60)) * 1000 + 20_250;
      sentAt.set(signalIds[index] ?? 0, now());
      await socket.write(
        publishPacket(benchAddress('mqtt', signal), Buffer.from(JSON.stringify({ ts, value: 77 })), 0),
      );
      await pause(lateEveryMs);
    }
  })();
  const took = new Map<number, number>();
  for (const deadline = monotonic() + 60_000; took.size < lateReadings && monotonic() < deadline; await pause(20)) {
    for (const [signal, count] of await countsOf()) {
      const sent = sentAt.get(signal);
      if (sent !== undefined && !took.has(signal) && count > (before.get(signal) ?? 0)) took.set(signal, now() - sent);
    }
  }
  await sending;
  await socket.close();
  if (took.size < lateReadings)
    bench.refuse(`${lateReadings - took.size} of ${lateReadings} late readings were in no rollup after a minute`);
  const [wrong] = await database.database.query<{ wrong: number }>(
    'select count(*)::int as wrong from rollup_difference(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000))',
    [start, start + ticks * 1000],
  );
  if (wrong?.wrong !== 0) bench.refuse(`${wrong?.wrong} rollup buckets were wrong after late readings`);
  const repeats = [...took.values()];
  const what = 'one late reading, published → right in every rollup that a user reads';
  const note = 'FLUSH_MS of ingest (250 ms) is most of it; in a flood of late readings the bell rests for 5 s';
  bench.measure({ what: `${what}, median`, value: median(repeats), unit: 'ms', repeats, note });
  bench.measure({ what: `${what}, longest`, value: Math.max(...repeats), unit: 'ms' });
  await bench.stop(analytics);
  await bench.stop(ingest);
}
