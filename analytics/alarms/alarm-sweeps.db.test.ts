import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';
import { buildPlant } from '../plant.ts';
import { endShelves } from './end-shelves.ts';
import { watchSilence } from './stale-machines.ts';
import { writeAlarms } from './write-alarms.ts';

describe.each(testEngines())('sweeps of alarms on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 3);
  });
  beforeEach(async () => {
    await database.query('delete from alarm');
    await database.query('delete from machine_progress');
  });
  const idOf = (machine: number): number => plant.machines[machine]?.machine_id ?? 0;
  const alarms = () =>
    database.query<{ machine: number; state: string; active: boolean; message: string }>(
      `select machine_id - $1::int as machine, state, returned_at is null as active, message from alarm order by alarm_id`,
      [idOf(0)],
    );

  it.each([
    [false, false, 'unacknowledged'],
    [false, true, 'acknowledged'],
    [true, false, 'returned_unacknowledged'],
    [true, true, 'normal'],
  ])('a shelf ends in the state that is true (returned %s, acknowledged %s)', async (returned, acknowledged, state) => {
    const shelve = (until: string, machine: number) =>
      database.query(
        `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, returned_at, acknowledged_at, shelved_until, message)
         values ($1, $2, 'anomaly', 3, 'shelved', now() - interval '1 hour', case when $3 then now() end, case when $4 then now() end, now() + $5::interval, 'x')`,
        [plant.organization_id, idOf(machine), returned, acknowledged, until],
      );
    await shelve('-1 second', 0);
    await shelve('1 minute', 1);
    expect(await endShelves(database)).toBe(1);
    expect(await endShelves(database)).toBe(0);
    expect((await alarms()).map((alarm) => alarm.state)).toEqual([state, 'shelved']);
  });

  it('a condition that comes back while its alarm is shelved stays on the shelf', async () => {
    const model = buildPlant(
      [{ machine_id: idOf(0), organization_id: plant.organization_id, site_id: 1, name: 'm-001', criticality: 'B' }],
      [],
    );
    const tell = (raised: boolean, second: number) =>
      writeAlarms(database, model, [
        { machine: 0, slot: -1, kind: 'anomaly', raised, at_us: second * 1e6, limit: null, value: 0.9 },
      ]);
    await tell(true, 10);
    await database.query(`update alarm set state = 'shelved', shelved_until = now() + interval '1 hour'`);
    await tell(false, 20);
    await tell(true, 30);
    expect((await alarms()).map((alarm) => `${alarm.state} ${alarm.active}`)).toEqual([
      'shelved false',
      'shelved true',
    ]);
    await database.query(`update alarm set shelved_until = now() - interval '1 second'`);
    await tell(false, 40);
    await tell(true, 50);
    expect((await alarms()).map((alarm) => alarm.state)).toEqual(['shelved', 'shelved', 'unacknowledged']);
  });

  /** Minutes of silence of each machine; undefined: never heard. */
  async function silence(...minutes: (number | undefined)[]): Promise<void> {
    for (const [machine, length] of minutes.entries()) {
      if (length === undefined) continue;
      await database.query(
        `insert into machine_progress (machine_id, organization_id, heard_at, known_to)
         values ($1, $2, timestamptz '2026-03-02T10:00Z', timestamptz '2026-03-02T10:00Z' + $3 * interval '1 minute')
         on conflict (machine_id) do update set heard_at = case when $3 = 0 then machine_progress.known_to else excluded.heard_at end,
            known_to = case when $3 = 0 then machine_progress.known_to else excluded.known_to end`,
        [idOf(machine), plant.organization_id, length],
      );
    }
  }

  it('a machine that falls silent is an alarm of its own until it is heard again', async () => {
    await silence(0, 6, undefined);
    expect(await watchSilence(database)).toBe(1);
    expect(await watchSilence(database)).toBe(0);
    expect(await alarms()).toEqual([
      {
        machine: 1,
        state: 'unacknowledged',
        active: true,
        message: 'Nothing has been heard from m-002 for more than 5 minutes.',
      },
    ]);
    await silence(0, 0);
    await watchSilence(database);
    expect(await alarms()).toMatchObject([{ state: 'returned_unacknowledged', active: false }]);
  });

  it('five minutes are not yet too long', async () => {
    await silence(0, 5);
    expect(await watchSilence(database)).toBe(0);
  });

  it('a line that falls silent as a whole is one alarm, also when its machines are not silent for equally long', async () => {
    await silence(4.9, 6, 5.1);
    expect(await watchSilence(database)).toBe(0);
    await silence(5.2, 6.3, 5.4);
    expect(await watchSilence(database)).toBe(1);
    expect(await watchSilence(database)).toBe(0);
    expect(await alarms()).toMatchObject([
      { machine: 0, message: 'Nothing has been heard from any of the 3 machines of line for more than 5 minutes.' },
    ]);
    // One comes back: now the others are each silent by themselves.
    await silence(0, 8, 8);
    expect(await watchSilence(database)).toBe(2);
    expect((await alarms()).map((alarm) => `${alarm.machine} ${alarm.active}`)).toEqual([
      '0 false',
      '1 true',
      '2 true',
    ]);
  });

  it('the alarm of a silent line says what is true when another machine of it is heard again, and when that falls silent', async () => {
    const messages = async () => (await alarms()).map((alarm) => `${alarm.machine} ${alarm.active} ${alarm.message}`);
    const line = '0 true Nothing has been heard from any of the 3 machines of line for more than 5 minutes.';
    await silence(6, 6, 6);
    await watchSilence(database);
    expect(await messages()).toEqual([line]);
    await silence(7, 0, 7);
    await watchSilence(database);
    const alone = ['m-001', 'm-003'].map(
      (name, place) => `${place * 2} true Nothing has been heard from ${name} for more than 5 minutes.`,
    );
    expect(await messages()).toEqual(alone);
    // A moment without word from the other is no silence of the line yet.
    await silence(8, 1, 8);
    await watchSilence(database);
    expect(await messages()).toEqual(alone);
    await silence(14, 6, 14);
    await watchSilence(database);
    expect(await messages()).toEqual([line, alone[1]]);
  });
});
