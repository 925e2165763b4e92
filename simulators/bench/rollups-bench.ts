import { monotonic, now } from '../../core/clock.ts';
import type { PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gateRollups } from './gates.ts';
import { loadRows, writeRowFile } from './load-rows.ts';
import { openPlantDatabase } from './rig.ts';
import { median, quantile } from './statistics.ts';

/** 1,781 sensors at 1 Hz. */
const size: PlantSize = { lines: 1, machines_per_line: 13, signals_per_machine: 137 };

/** What a late reading costs until its rollups of every level are right again, and what a new minute and an hour cost. */
export async function rollupsBench(bench: Bench): Promise<void> {
  const { database, signalIds } = await openPlantDatabase(bench, size, 'sparkplug');
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
    goal: { text: bench.engine === 'timescale' ? '≤ 60 ms' : 'within 3 × of 60 ms', met: median(late) <= goal },
  });
  bench.measure({ what: 'one late reading → all rollups right, p95', value: quantile(late, 0.95), unit: 'ms' });
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
