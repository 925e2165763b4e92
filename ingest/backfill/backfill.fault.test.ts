import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { environmentWith } from '../../core/settings.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { createBackfillStage, stageFolder, stageTime, type BackfillStage } from './testing/backfill-stage.ts';

afterAll(() => rmSync(stageFolder, { recursive: true, force: true }));

describe.each(testEngines())('back-fill killed with -9 on %s', (engine) => {
  let stage: BackfillStage;
  beforeEach(async () => {
    stage = await createBackfillStage(engine);
  });

  /** Runs the command until `enough` says so, then kills it. Answers the exit code when it ended before. */
  async function runUntil(
    file: string,
    enough: (state: { phase: string; received: number } | undefined) => boolean,
  ): Promise<number | null> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), file, '--batch', '20000'], {
      env: environmentWith({ DATABASE_URL: stage.database.url }) as NodeJS.ProcessEnv,
      stdio: 'ignore',
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    let hasEnded = false;
    void ended.then(() => {
      hasEnded = true;
    });
    await waitUntil(
      'the run is far enough or ends',
      async () => {
        if (hasEnded) return true;
        const [there] = await stage.database.query(`select 1 where to_regclass('backfill.run') is not null`);
        if (there === undefined) return false;
        const [run] = await stage.database.query<{ state: { phase: string; received: number } }>(
          'select state from backfill.run',
        );
        return enough(run?.state);
      },
      { limitMs: 120_000, everyMs: 5 },
    );
    child.kill('SIGKILL');
    return ended;
  }

  test('while reading, while merging and while refreshing: in the end every row is there once, and the books balance', async () => {
    const signals = ['m-001/temperature', 'm-001/pressure', 'm-002/temperature'];
    const lines = Array.from({ length: 100_000 }, (_, index) =>
      signals.map((signal) => `${stageTime(index * 4)},berlin/line-01/${signal},${index}`),
    );
    const file = stage.write('killed.csv', `time,signal,value\n${lines.flat().join('\n')}\n`);
    await runUntil(file, (state) => (state?.received ?? 0) >= 60_000);
    await runUntil(file, (state) => (state?.received ?? 0) >= 200_000);
    await runUntil(file, (state) => state?.phase === 'merge');
    await runUntil(file, (state) => state?.phase === 'rollups');
    expect(await runUntil(file, () => false)).toBe(0);
    const [rows] = await stage.database.query(
      'select count(*)::int as rows, count(distinct (signal_id, time))::int as distinct_rows, sum(value)::int8 as sum from reading',
    );
    expect(rows).toEqual({ rows: 300_000, distinct_rows: 300_000, sum: 3 * ((100_000 * 99_999) / 2) });
    expect(await stage.books()).toEqual({ received: 300_000, stored: 300_000, duplicate: 0, conflict: 0, rejected: 0 });
    expect(await stage.wrongRollups()).toBe(0);
  });
});
