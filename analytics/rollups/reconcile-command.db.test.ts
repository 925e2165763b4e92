import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { now, toTimestamp } from '../../core/clock.ts';
import { environmentWith } from '../../core/settings.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';

const hour = 3_600_000;

describe.each(testEngines())('npm run reconcile on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  const start = (Math.floor(now() / hour) - 3) * hour;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 1);
  });

  function reconcile(...words: string[]): { status: number | null; said: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words], {
      env: environmentWith({ DATABASE_URL: database.url }) as NodeJS.ProcessEnv,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, said: stdout + stderr };
  }

  test('repairs what differs, says where, and finds nothing the next time', async () => {
    const signal_id = plant.machines[0]?.signals['temperature'] ?? 0;
    await storeReadings(database, [{ signal_id, time_us: (start + hour + 30_000) * 1000, value: 7 }]);
    await database.withConnection((connection) =>
      connection.query(
        `call refresh_rollups(to_timestamp(${start / 1000}), to_timestamp(${(start + 2 * hour) / 1000}))`,
      ),
    );
    const range = ['--from', toTimestamp(start), '--to', toTimestamp(start + 2 * hour)];
    expect(reconcile(...range)).toMatchObject({ status: 0 });
    const [table] = await database.query<{ name: string }>("select rollup_table('1h') as name");
    await database.execute(`update ${table?.name} set max = 8 where signal_id = ${signal_id}`);
    const repaired = reconcile(...range);
    expect(repaired.status).toBe(2);
    expect(repaired.said).toMatch(new RegExp(`${toTimestamp(start + hour)} {2}\\d+ buckets differed`));
    expect(await database.query('select max from reading_1h where signal_id = $1', [signal_id])).toEqual([{ max: 7 }]);
    const again = reconcile(...range);
    expect(again.status).toBe(0);
    expect(again.said).toContain(`${toTimestamp(start)}  equal`);
  });

  test('says what is wrong with a range', () => {
    expect(reconcile('--from', 'yesterday')).toEqual({
      status: 1,
      said: '--from is "yesterday"; accepted is an RFC 3339 time such as 2026-11-20T06:00:00Z.\n',
    });
    const late = toTimestamp(start + 9 * hour);
    expect(reconcile('--from', late).said).toContain('accepted is a time before --to');
  });
});
