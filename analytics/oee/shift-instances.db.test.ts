import { beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../core/testing/database.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';
import { writeShiftInstances } from './shift-instances.ts';

const hour = 3_600_000;
const midnight = Date.parse('2026-03-03T00:00:00Z');

describe('shift instances', () => {
  let database: TestDatabase;
  let plant: SmallPlant;
  beforeAll(async () => {
    database = await createTestDatabase();
    plant = await insertSmallPlant(database, 1);
    await setShifts(['early', '06:00', '14:00'], ['late', '14:00', '22:00']);
  });
  /** Replaces the calendar as people do in the middle of a shift: the shifts keep their rows or get new ones. */
  async function setShifts(...shifts: [string, string, string][]): Promise<void> {
    await database.query(
      'delete from shift s where not exists (select 1 from shift_instance i where i.shift_id = s.shift_id)',
    );
    await database.query(`update shift set weekdays = '{}' where site_id = $1`, [plant.site_id]);
    for (const [name, start, end] of shifts) {
      await database.query(
        `insert into shift (organization_id, site_id, name, start_time, end_time) values ($1, $2, $3, $4::time, $5::time)`,
        [plant.organization_id, plant.site_id, name, start, end],
      );
    }
  }
  const write = (nowMs: number) => writeShiftInstances(database, midnight, midnight + 24 * hour, nowMs);
  const instances = () =>
    database.query<{ name: string; at: string }>(
      `select name, to_char(started_at at time zone 'UTC', 'HH24:MI') || '-' || to_char(ended_at at time zone 'UTC', 'HH24:MI') as at
         from shift_instance join shift using (shift_id)
        where started_at >= to_timestamp($1::float8 / 1000) and started_at < to_timestamp($1::float8 / 1000) + interval '1 day'
        order by started_at`,
      [midnight],
    );

  it('follow the calendar, and the shift that runs is worked to its end when that changes', async () => {
    await write(midnight + 5 * hour);
    expect(await instances()).toEqual([
      { name: 'early', at: '06:00-14:00' },
      { name: 'late', at: '14:00-22:00' },
    ]);
    await setShifts(['day', '08:00', '16:00'], ['evening', '16:00', '00:00']);
    for (const at of [10, 10.5, 15, 17]) await write(midnight + at * hour);
    expect(await instances()).toEqual([
      { name: 'early', at: '06:00-14:00' },
      { name: 'day', at: '14:00-16:00' },
      { name: 'evening', at: '16:00-00:00' },
    ]);
  });

  it('a calendar with two shifts at once, from before that was refused, is worked one after the other', async () => {
    await database.query('delete from shift_instance');
    await setShifts(['early', '06:00', '14:00'], ['day', '08:00', '16:00'], ['noon', '11:00', '12:00']);
    for (const at of [12.5, 12.6, 15, 17]) {
      await write(midnight + at * hour);
      expect(await instances()).toEqual([
        { name: 'early', at: '06:00-14:00' },
        { name: 'day', at: '14:00-16:00' },
      ]);
    }
  });
});
