import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { now } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { readSettings } from '../core/settings.ts';
import { testEngines } from '../core/testing/database.ts';
import { storeReadings } from '../core/testing/store-readings.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { buildApp } from './app.ts';
import { hashToken } from './auth/session.ts';
import { createStage, type Stage } from './testing/stage.ts';
import { openStream, type StreamReader } from './testing/stream-client.ts';

describe.each(testEngines())('the live stream on %s', (engine) => {
  let stage: Stage;
  let address: string;
  const open: StreamReader[] = [];
  const startMs = Math.floor(now()) - 60_000;

  beforeAll(async () => {
    stage = await createStage(engine, {
      live: { tickMs: 50, heartbeatMs: 200, maxClients: 5, slowMs: 60_000, sessionsMs: 200 },
    });
    address = await stage.app.listen({ host: '127.0.0.1', port: 0 });
    await storeReadings(stage.database, [{ signal_id: stage.plant.temperature, time_us: startMs * 1000, value: 70 }]);
  });
  afterEach(async () => {
    for (const reader of open.splice(0)) reader.close();
    await waitUntil('all streams are closed', async () =>
      /millrace_stream_clients 0\n/.test((await stage.ask({ url: '/metrics' })).body),
    );
  });

  async function connect(query = '', token = stage.tokens.viewer): Promise<StreamReader> {
    const reader = await openStream(address, `/api/v1/stream${query}`, token);
    open.push(reader);
    return reader;
  }

  test('begins with a snapshot, then gives only what changed, with rising ids', async () => {
    const { plant, database } = stage;
    const reader = await connect();
    expect(reader.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    const snapshot = await reader.next('snapshot');
    expect(snapshot.values).toEqual({
      signal_id: [plant.temperature],
      value: [70],
      time_ms: [startMs],
      quality: [192],
    });
    expect(snapshot.work_orders?.counts).toEqual({ open: 0, overdue: 0, by_priority: [0, 0, 0, 0] });
    expect(reader.events[0]?.name).toBe('snapshot');
    await storeReadings(database, [
      { signal_id: plant.pressure, time_us: (startMs + 1000) * 1000, value: 2.5 },
      { signal_id: plant.temperature, time_us: (startMs + 1000) * 1000, value: null, quality: 0 },
    ]);
    const values = await reader.next('values');
    expect(new Map(values.signal_id.map((id, index) => [id, [values.value[index], values.quality[index]]]))).toEqual(
      new Map([
        [plant.pressure, [2.5, 192]],
        [plant.temperature, [null, 0]],
      ]),
    );
    const ids = reader.events.map((event) => event.id);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  });

  test('never goes back to an older value: late and historical readings are not shown', async () => {
    const { plant, database } = stage;
    const reader = await connect();
    await reader.next('snapshot');
    await storeReadings(database, [{ signal_id: plant.pressure, time_us: (startMs + 5000) * 1000, value: 5 }]);
    await storeReadings(database, [{ signal_id: plant.pressure, time_us: (startMs + 4000) * 1000, value: 4 }]);
    await storeReadings(database, [
      { signal_id: plant.pressure, time_us: (startMs + 6000) * 1000, value: 6, historical: true },
    ]);
    await storeReadings(database, [{ signal_id: plant.temperature, time_us: (startMs + 7000) * 1000, value: 77 }]);
    await reader.next('values', (data) => data.signal_id.includes(plant.temperature));
    const pressures = reader.events.flatMap((event) =>
      event.name === 'values' && 'signal_id' in event.data
        ? event.data.signal_id.flatMap((id, index) =>
            id === plant.pressure && 'value' in event.data ? [event.data.value[index]] : [],
          )
        : [],
    );
    expect(pressures).toEqual([5]);
  });

  test('shows only what was asked for: a line, a machine, some topics', async () => {
    const { plant, database } = stage;
    const ofLine = await connect(`?line=${plant.line_ids[1]}&topics=values,oee`);
    const ofMachine = await connect(`?machine=${plant.machine_ids[0]}&topics=values`);
    const noValues = await connect('?topics=alarms');
    const snapshot = await ofLine.next('snapshot');
    expect(Object.keys(snapshot).sort()).toEqual(['known_age_ms', 'oee', 'server_time_ms', 'values']);
    expect(snapshot.values?.signal_id).toEqual([plant.pressure]);
    expect(Object.keys(await noValues.next('snapshot')).sort()).toEqual(['alarms', 'known_age_ms', 'server_time_ms']);
    await ofMachine.next('snapshot');
    await storeReadings(database, [
      { signal_id: plant.pressure, time_us: (startMs + 10_000) * 1000, value: 1 },
      { signal_id: plant.temperature, time_us: (startMs + 10_000) * 1000, value: 2 },
    ]);
    expect((await ofLine.next('values')).signal_id).toEqual([plant.pressure]);
    expect((await ofMachine.next('values')).signal_id).toEqual([plant.temperature]);
    expect(noValues.events.map((event) => event.name)).not.toContain('values');
  });

  test('tells of states, alarms, faults and work orders as they come', async () => {
    const { plant, database } = stage;
    const reader = await connect();
    await reader.next('snapshot');
    const own = [plant.organization_id, plant.machine_ids[0]];
    await database.execute(
      `insert into machine_state (organization_id, machine_id, started_at, state) values ($1, $2, to_timestamp($3), 'down')`,
      [...own, startMs / 1000],
    );
    expect(await reader.next('states')).toEqual({
      machine_id: [plant.machine_ids[0]],
      state: ['down'],
      since_ms: [startMs],
      fault_code: [null],
    });
    await database.execute(
      `insert into alarm (organization_id, machine_id, signal_id, kind, priority, state, raised_at, message)
       values ($1, $2, $3, 'limit_high', 2, 'unacknowledged', now(), 'temperature above 80')`,
      [...own, plant.temperature],
    );
    expect(await reader.next('alarms')).toMatchObject({
      counts: { open: 1, unacknowledged: 1, by_priority: [0, 1, 0, 0] },
      items: [{ message: 'temperature above 80', signal_name: 'temperature', active: true }],
    });
    await database.execute(
      `insert into fault (organization_id, machine_id, failure_mode, started_at, confidence, severity) values ($1, $2, 'bearing', now(), 0.9, 2)`,
      own,
    );
    expect((await reader.next('alarms', (data) => data.faults.length > 0)).faults).toMatchObject([
      { failure_mode: 'bearing' },
    ]);
    const created = await stage.post('/api/v1/work-orders', {
      machine_id: plant.machine_ids[0],
      title: 'Bearing is loud',
      priority: 1,
    });
    expect(created.status).toBe(201);
    expect(await reader.next('work_orders')).toMatchObject({
      counts: { open: 1, overdue: 0, by_priority: [1, 0, 0, 0] },
      items: [{ title: 'Bearing is loud', state: 'proposed' }],
    });
  });

  test('says in a flood that more has changed than it lists, to everybody whom it concerns', async () => {
    const { plant, other, database, otherToken } = stage;
    const quiet = await connect(`?machine=${plant.machine_ids[2]}&topics=alarms`);
    const elsewhere = await connect('?topics=alarms', otherToken);
    await Promise.all([quiet.next('snapshot'), elsewhere.next('snapshot')]);
    // The alarms of the quiet machine and of the other organization are the oldest of 252 in one transaction.
    await database.execute(
      `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, returned_at, message)
       select case n when 2 then $2::int else $1 end, case n when 1 then $3::int when 2 then $4 else $5 end, 'stale', 3,
              'returned_unacknowledged', now() + n * interval '1 s', now() + n * interval '2 s', 'flood'
         from generate_series(1, 252) n order by n`,
      [plant.organization_id, other.organization_id, plant.machine_ids[2], other.machine_ids[0], plant.machine_ids[0]],
    );
    expect(await quiet.next('alarms')).toMatchObject({ counts: { open: 1 }, items: [], more: true });
    const own = await elsewhere.next('alarms');
    expect(own).toMatchObject({ counts: { open: 1 }, items: [{ message: 'flood' }] });
    expect(own).not.toHaveProperty('more');
    await database.execute("delete from alarm where message = 'flood'");
  });

  test('never shows another organization anything', async () => {
    const { plant, other, database, otherToken } = stage;
    const reader = await connect('', otherToken);
    const snapshot = await reader.next('snapshot');
    expect(snapshot.values?.signal_id).toEqual([]);
    await storeReadings(database, [
      { signal_id: plant.temperature, time_us: (startMs + 20_000) * 1000, value: 1 },
      { signal_id: other.temperature, time_us: (startMs + 20_000) * 1000, value: 2 },
    ]);
    await database.execute("update alarm set message = message || '!'");
    expect(await reader.next('values')).toMatchObject({ signal_id: [other.temperature], value: [2] });
    expect(reader.events.map((event) => event.name)).not.toContain('alarms');
  });

  test('beats also while nothing happens, with the age of the newest batch', async () => {
    const reader = await connect('?topics=states');
    const beat = await reader.next('heartbeat');
    expect(beat.server_time_ms).toBeGreaterThan(startMs);
    const aged = await reader.next('heartbeat', (data) => data.feed_age_ms !== null);
    expect(aged.feed_age_ms).toBeGreaterThanOrEqual(0);
  });

  test('says how old the readings are that machine states are made of', async () => {
    const { database } = stage;
    const before = await connect('?topics=states');
    expect((await before.next('snapshot')).known_age_ms).toBeNull();
    await database.execute(
      `insert into analytics_cursor (follower, gateway_id, sequence, stored_at)
       values ('live', 1, 1, now() - interval '1 hour'), ('live', 2, 1, now() - interval '5 minutes')`,
    );
    const beat = await before.next('heartbeat', (data) => data.known_age_ms !== null);
    expect(beat.known_age_ms).toBeGreaterThanOrEqual(300_000);
    expect(beat.known_age_ms).toBeLessThan(400_000);
    const after = await connect('?topics=states');
    expect((await after.next('snapshot')).known_age_ms).toBeGreaterThanOrEqual(300_000);
    await database.execute('delete from analytics_cursor');
  });

  test('learns of new signals without a new connection', async () => {
    const { plant, database } = stage;
    const reader = await connect(`?machine=${plant.machine_ids[1]}`);
    expect((await reader.next('snapshot')).values?.signal_id).toEqual([]);
    const [made] = await database.query<{ signal_id: number }>(
      `insert into signal (organization_id, machine_id, name, kind, quantity) values ($1, $2, 'torque', 'measurement', 'torque') returning signal_id`,
      [plant.organization_id, plant.machine_ids[1]],
    );
    const id = made?.signal_id ?? 0;
    await reader.next('snapshot', () => true, reader.events.length);
    await storeReadings(database, [{ signal_id: id, time_us: startMs * 1000, value: 12 }]);
    expect(await reader.next('values')).toMatchObject({ signal_id: [id], value: [12] });
  });

  test('comes from any of several API processes alike', async () => {
    const { plant, database, tokens } = stage;
    const replica = await buildApp({ settings: readSettings({}), database, log: silentLog, live: { tickMs: 50 } });
    try {
      const elsewhere = await openStream(
        await replica.listen({ host: '127.0.0.1', port: 0 }),
        '/api/v1/stream',
        tokens.viewer,
      );
      const here = await connect();
      const snapshots = [await here.next('snapshot'), await elsewhere.next('snapshot')];
      expect(snapshots[0]?.values).toEqual(snapshots[1]?.values);
      await storeReadings(database, [{ signal_id: plant.good, time_us: startMs * 1000, value: 7 }]);
      const changes = [await here.next('values'), await elsewhere.next('values')];
      expect(changes[0]).toEqual(changes[1]);
      expect(changes[0]).toMatchObject({ signal_id: [plant.good], value: [7] });
    } finally {
      await replica.close();
    }
  });

  test('opens no stream for a request that wants only the head', async () => {
    expect(
      (
        await stage.ask({
          method: 'HEAD',
          url: '/api/v1/stream',
          headers: { authorization: `Bearer ${stage.tokens.viewer}` },
        })
      ).status,
    ).toBe(405);
  });

  test('is refused when too many are open, and open again when one has left', async () => {
    for (let count = 0; count < 5; count++) await connect('?topics=states');
    const refused = await connect('?topics=states');
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('10');
    open[0]?.close();
    await waitUntil('a place is free', async () => (await connect('?topics=states')).status === 200);
  });

  test('ends when the session has ended', async () => {
    const { database, tokens } = stage;
    const reader = await connect('?topics=states', tokens.operator);
    const stays = await connect('?topics=states');
    await reader.next('snapshot');
    await database.execute('delete from session where token_hash = $1', [hashToken(tokens.operator)]);
    await waitUntil('the stream has ended', () => reader.ended);
    expect(stays.ended).toBe(false);
  });

  test('goes on with a new snapshot after all its database connections were lost', async () => {
    const { plant, database } = stage;
    const reader = await connect('?topics=values');
    await reader.next('snapshot');
    const seen = reader.events.length;
    const [lost] = await database.query<{ lost: number }>(
      `select count(pg_terminate_backend(pid))::int as lost from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    expect(lost?.lost).toBeGreaterThan(2);
    await reader.next('snapshot', () => true, seen);
    await waitUntil('readings are stored again', () =>
      storeReadings(database, [{ signal_id: plant.temperature, time_us: (startMs + 40_000) * 1000, value: 40 }]).then(
        () => true,
        () => false,
      ),
    );
    await waitUntil('the new reading is shown', () =>
      reader.events.some((event) => {
        const values = event.name === 'snapshot' ? (event.data as { values: { value: number[] } }).values : event.data;
        return 'value' in values && (values.value as number[]).includes(40);
      }),
    );
    expect(reader.ended).toBe(false);
  });
});
