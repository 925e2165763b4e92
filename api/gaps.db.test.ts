import { beforeAll, describe, expect, test } from 'vitest';
import { testEngines } from '../core/testing/database.ts';
import { createStage, type Stage } from './testing/stage.ts';

const day = '2026-11-20';

describe.each(testEngines())('gaps on %s', (engine) => {
  let stage: Stage;
  let silent: number;
  let young: number;
  let count: number;
  let state: number;

  beforeAll(async () => {
    stage = await createStage(engine, { clock: () => Date.parse(`${day}T12:00:30Z`) });
    const { database, plant } = stage;
    const add = async (name: string, kind = 'measurement', intervalSeconds = 1): Promise<number> => {
      const [row] = await database.query<{ signal_id: number }>(
        `insert into signal (organization_id, machine_id, name, kind, quantity, expected_interval_seconds)
         values ($1, $2, $3, $4, 'flow', $5) returning signal_id`,
        [plant.organization_id, plant.machine_ids[1], name, kind, intervalSeconds],
      );
      return row?.signal_id ?? 0;
    };
    [silent, young] = [await add('silent'), await add('young')];
    [count, state] = [await add('pieces', 'counter', 5), await add('phase', 'state', 10)];
    await database.query(`call ensure_reading_partitions('${day}', '${day}')`);
    const readings = (signalId: number, from: string, to: string, every: string, keep = 'true') =>
      database.execute(
        `insert into reading (time, signal_id, value, quality)
         select t, $1, 1, case when extract(minute from t) = 55 then 0 else 192 end
           from generate_series('${day}T${from}Z'::timestamptz, '${day}T${to}Z'::timestamptz, $2::interval) t where ${keep}`,
        [signalId, every],
      );
    // Every second, but not for 2 minutes and 20 s, nor in one single second.
    const missing = `not (t >= '${day}T11:40:20Z' and t < '${day}T11:42:40Z') and t <> '${day}T11:50:07Z'`;
    await readings(plant.temperature, '09:00:00', '11:59:59', '1 second', missing);
    // Every minute, with a clock that wanders over the border of the minute, and a pause of half an hour.
    await database.execute('update signal set expected_interval_seconds = 60 where signal_id = $1', [plant.pressure]);
    await readings(
      plant.pressure,
      '09:00:00.1',
      '12:00:00',
      '59.99 seconds',
      `t < '${day}T10:30Z' or t >= '${day}T11:00Z'`,
    );
    await readings(young, '11:15:00', '11:59:59', '1 second');
    await readings(count, '09:00:00', '11:59:59', '5 seconds', `not (t >= '${day}T10:20Z' and t < '${day}T10:30Z')`);
    await database.query(`call refresh_rollups('${day}T09:00Z', '${day}T11:59:59Z')`);
  });

  const ask = async (query: string) => {
    const answer = await stage.get(`/api/v1/ledger/gaps?${query}`);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body as { items: { signal_id: number; from: string; to: string }[]; next: string | null };
  };
  const range = `from=${day}T11:00:00Z&to=${day}T12:00:00Z`;

  test('are found to the minute; bad readings have arrived, a single missing one is no gap', async () => {
    const found = await ask(`per=minute&signal=${stage.plant.temperature}&${range}`);
    expect(found).toEqual({
      items: [
        {
          signal_id: stage.plant.temperature,
          signal_name: 'temperature',
          machine_id: stage.plant.machine_ids[0],
          machine_name: 'm-001',
          from: `${day}T11:40:00Z`,
          to: `${day}T11:43:00Z`,
          expected: 180,
          stored: 40,
          coverage: 40 / 180,
        },
      ],
      next: null,
    });
  });

  test('of a slow sensor are judged over as much as holds two of its readings', async () => {
    const found = await ask(
      `per=minute&machine=${stage.plant.machine_ids[2]}&from=${day}T09:00:00Z&to=${day}T12:00:00Z`,
    );
    expect(found.items).toMatchObject([
      { signal_id: stage.plant.pressure, from: `${day}T10:30:00Z`, to: `${day}T11:00:00Z`, expected: 30, stored: 0 },
    ]);
  });

  test('a signal that never sent anything is missing all the time, a new one only since its first reading', async () => {
    const found = await ask(`per=minute&machine=${stage.plant.machine_ids[1]}&${range}`);
    // The clock says 12:00:30: what the rollups may not have yet is not judged.
    expect(found.items).toMatchObject([
      {
        signal_id: silent,
        from: `${day}T11:00:00Z`,
        to: `${day}T11:58:00Z`,
        expected: 58 * 60,
        stored: 0,
        coverage: 0,
      },
    ]);
    const hours = await ask(`machine=${stage.plant.machine_ids[1]}&from=${day}T09:00:00Z&to=${day}T12:00:00Z`);
    expect(hours.items).toMatchObject([
      { signal_id: silent, from: `${day}T09:00:00Z`, to: `${day}T11:00:00Z`, expected: 7200, stored: 0 },
    ]);
    expect(young).toBeGreaterThan(silent);
  });

  test('of a counter or a state are told when it, or its kind, is asked for', async () => {
    const hour = `from=${day}T10:00:00Z&to=${day}T11:00:00Z`;
    const counter = { signal_id: count, from: `${day}T10:20:00Z`, to: `${day}T10:30:00Z`, expected: 120, stored: 0 };
    expect((await ask(`per=minute&signal=${count}&${hour}`)).items).toMatchObject([counter]);
    const machine = `machine=${stage.plant.machine_ids[1]}`;
    expect((await ask(`per=minute&kind=counter&${machine}&${hour}`)).items).toMatchObject([counter]);
    expect((await ask(`per=minute&kind=measurement&signal=${count}&${hour}`)).items).toEqual([]);
    expect((await ask(`per=minute&kind=state&signal=${state}&${hour}`)).items).toMatchObject([
      { signal_id: state, stored: 0, expected: 360 },
    ]);
    const unasked = await ask(`per=minute&${machine}&${hour}`);
    expect(unasked.items.map(({ signal_id }) => signal_id)).toEqual([silent]);
    expect(await stage.get('/api/v1/ledger/gaps?kind=sensor')).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'kind', value: 'sensor' }] },
    });
  });

  test('come by the hour, and in pages', async () => {
    const found = await ask(`per=hour&signal=${stage.plant.pressure}&from=${day}T09:00:00Z&to=${day}T12:00:00Z`);
    expect(found.items).toMatchObject([{ from: `${day}T10:00:00Z`, to: `${day}T11:00:00Z`, expected: 60, stored: 30 }]);
    const all = await ask(`per=minute&from=${day}T10:15:00Z&to=${day}T12:00:00Z`);
    const first = await ask(`per=minute&from=${day}T10:15:00Z&to=${day}T12:00:00Z&limit=2`);
    const rest = await ask(`per=minute&from=${day}T10:15:00Z&to=${day}T12:00:00Z&limit=2&cursor=${first.next}`);
    expect(all.items).toHaveLength(3);
    expect([...first.items, ...rest.items]).toEqual(all.items);
    expect(rest.next).toBeNull();
  });

  test('are bounded by what is asked for, and only of the own organization', async () => {
    const everything = await stage.get(`/api/v1/ledger/gaps?per=minute&from=${day}T09:00:00Z&to=${day}T12:00:00Z`);
    expect(everything).toMatchObject({ status: 400, body: { errors: [{ field: 'from' }] } });
    const others = await stage.get(
      `/api/v1/ledger/gaps?per=minute&signal=${stage.plant.temperature}&${range}`,
      stage.otherToken,
    );
    expect(others.body.items).toEqual([]);
  });
});
