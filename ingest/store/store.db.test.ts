import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { readFeed } from '../../core/feed.ts';
import { Quality } from '../../core/reading.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { addLost, addReading, addRejected } from '../resolve/add-reading.ts';
import { openStoreStage, type StageRow, type StoreStage } from '../testing/store-stage.ts';

describe.each(testEngines())('on %s', (engine) => {
  let stage: StoreStage;
  beforeEach(async () => {
    stage = await openStoreStage(engine);
  });
  afterEach(() => stage.close());

  test('values, times and qualities are stored to the last digit, counted, fed and ringed for', async () => {
    const timeUs = now() * 1000 + 457;
    await stage.send([
      ['t-1', timeUs, 0.1 + 0.2],
      ['t-2', timeUs, 5e-324, Quality.uncertain],
      ['t-3', timeUs, null, Quality.bad],
      ['order', timeUs, 'PN-4711'],
    ]);
    expect(await stage.stored('t-1')).toEqual([{ time_us: timeUs, value: 0.1 + 0.2, quality: 192 }]);
    expect(await stage.stored('t-2')).toEqual([{ time_us: timeUs, value: 5e-324, quality: 64 }]);
    expect(await stage.stored('t-3')).toEqual([{ time_us: timeUs, value: null, quality: 0 }]);
    expect(await stage.ledger()).toMatchObject({
      received: 4,
      stored: 4,
      duplicate: 0,
      rejected: 0,
      parked: 0,
      late: 0,
    });
    const [batch] = await readFeed(stage.database, new Map());
    expect(batch?.readings.length).toBe(4);
    expect(batch?.live_rows).toBe(4);
    expect([...(batch?.readings.signal_id.subarray(0, 4) ?? [])]).toEqual([
      stage.idOf('t-1'),
      stage.idOf('t-2'),
      stage.idOf('t-3'),
      stage.idOf('order'),
    ]);
    expect(stage.bells).toContain('readings');
  });

  test('duplicates inside a batch and against the table are told from conflicts, which are kept', async () => {
    const timeUs = now() * 1000;
    await stage.send([
      ['t-1', timeUs, 1],
      ['t-1', timeUs, 1],
      ['t-2', timeUs, 2],
      ['t-2', timeUs, 3],
    ]);
    await stage.send([
      ['t-1', timeUs, 1],
      ['t-1', timeUs, 9],
      ['t-1', timeUs, 1, Quality.bad],
      ['t-1', timeUs + 1, 5],
      ['t-3', timeUs, null, Quality.bad],
    ]);
    await stage.send([
      ['t-3', timeUs, null, Quality.bad],
      ['t-3', timeUs, 1],
    ]);
    expect(await stage.stored('t-1')).toEqual([
      { time_us: timeUs, value: 1, quality: 192 },
      { time_us: timeUs + 1, value: 5, quality: 192 },
    ]);
    expect(await stage.stored('t-2')).toEqual([{ time_us: timeUs, value: 2, quality: 192 }]);
    expect(await stage.ledger()).toMatchObject({ received: 11, stored: 4, duplicate: 7, conflict: 4, rejected: 0 });
    const conflicts = await stage.database.query(
      "select signal_id, value, address from rejected_reading where reason = 'conflict' order by rejected_reading_id",
    );
    expect(conflicts).toEqual([
      { signal_id: stage.idOf('t-2'), value: 3, address: expect.stringMatching(/^\w+(\/[\w-]+){3}\/t-2$/) },
      { signal_id: stage.idOf('t-1'), value: 9, address: expect.stringMatching(/^\w+(\/[\w-]+){3}\/t-1$/) },
      { signal_id: stage.idOf('t-1'), value: 1, address: expect.stringMatching(/^\w+(\/[\w-]+){3}\/t-1$/) },
      { signal_id: stage.idOf('t-3'), value: 1, address: expect.stringMatching(/^\w+(\/[\w-]+){3}\/t-3$/) },
    ]);
    // The feed carries what was stored, and nothing twice.
    const batches = await readFeed(stage.database, new Map());
    expect(batches.reduce((sum, { readings }) => sum + readings.length, 0)).toBe(4);
  });

  test('a conflict in the last digit is one, and shows every digit of both values', async () => {
    const timeUs = now() * 1000;
    const [first, second] = [0.3, 0.1 + 0.2];
    await stage.send([['t-1', timeUs, first]]);
    await stage.send([['t-1', timeUs, second]]);
    expect(await stage.ledger()).toMatchObject({ stored: 1, duplicate: 1, conflict: 1 });
    expect(await stage.stored('t-1')).toEqual([{ time_us: timeUs, value: first, quality: 192 }]);
    const [kept] = await stage.database.query('select value, detail from rejected_reading');
    expect(kept).toEqual({
      value: second,
      detail:
        'The stored value at this time is 0.3 with quality 192, this one is 0.30000000000000004 with quality 192; the first one is kept.',
    });
  });

  test('a value stamped ahead of its arrival hides no present one, before or after it', async () => {
    const timeUs = now() * 1000;
    const hourUs = 3600e6;
    await stage.send([['t-1', timeUs - 2e6, 1]]);
    await stage.send([
      ['t-1', timeUs + hourUs, 99],
      ['t-2', timeUs + hourUs, 99],
    ]);
    await stage.send([
      ['t-1', timeUs - 1e6, 2],
      ['t-2', timeUs - 1e6, 3],
      ['t-2', timeUs + 2 * hourUs, 98],
    ]);
    expect(await stage.database.query('select signal_id, value from latest_value order by signal_id')).toEqual([
      { signal_id: stage.idOf('t-1'), value: 2 },
      { signal_id: stage.idOf('t-2'), value: 3 },
    ]);
  });

  test('the latest value moves forward only, and never to a historical reading', async () => {
    const timeUs = now() * 1000;
    await stage.send([
      ['t-1', timeUs, 1],
      ['t-1', timeUs + 2000, 3],
      ['t-1', timeUs + 1000, 2],
    ]);
    await stage.send([['t-1', timeUs - 1000, 0]]);
    await stage.send(
      [
        ['t-1', timeUs + 9000, 9],
        ['t-2', timeUs, 7],
      ],
      true,
    );
    const latest = await stage.database.query('select signal_id, value from latest_value order by signal_id');
    expect(latest).toEqual([{ signal_id: stage.idOf('t-1'), value: 3 }]);
    expect((await stage.stored('t-1')).length).toBe(5);
    const batches = await readFeed(stage.database, new Map());
    expect(batches.map(({ live_rows, readings }) => [live_rows, readings.length])).toEqual([
      [3, 3],
      [1, 1],
      [0, 2],
    ]);
  });

  test('late readings are counted, and noted by range with the machines whose states and counts they change', async () => {
    const hour = 3_600_000_000;
    const nowUs = now() * 1000;
    const old = Date.UTC(2014, 3, 1, 12) * 1000;
    await stage.send([
      ['t-1', nowUs, 1],
      ['t-1', nowUs - 3 * hour, 2],
      ['t-1', nowUs - 3 * hour + 1, 3],
      ['state', old, 6],
      ['t-2', old + 5, 1],
    ]);
    expect(await stage.ledger()).toMatchObject({ stored: 5, late: 4 });
    const minutes = await stage.database.query(
      `select m.signal_id, (extract(epoch from m.minute) * 1000000)::int8 as minute_us
         from late_range cross join unnest(minute_signal_ids, minutes) as m(signal_id, minute) order by minute, signal_id`,
    );
    const minuteOf = (timeUs: number): number => Math.floor(timeUs / 60_000_000) * 60_000_000;
    expect(minutes).toEqual([
      ...[stage.idOf('t-2'), stage.idOf('state')]
        .sort((a, b) => a - b)
        .map((signal_id) => ({ signal_id, minute_us: old })),
      { signal_id: stage.idOf('t-1'), minute_us: minuteOf(nowUs - 3 * hour) },
    ]);
    const ranges = await stage.database.query(
      `select (extract(epoch from from_time) * 1000000)::int8 as from_us, (extract(epoch from to_time) * 1000000)::int8 as to_us, machine_ids
         from late_range order by from_time`,
    );
    const [machine] = await stage.database.query<{ machine_id: number }>('select machine_id from machine');
    expect(ranges).toEqual([
      { from_us: old, to_us: old + 5, machine_ids: [machine?.machine_id] },
      { from_us: nowUs - 3 * hour, to_us: nowUs - 3 * hour + 1, machine_ids: [] },
    ]);
  });

  test('what is late for the rollups is told by the clock of the database, not of a gateway that is an hour behind', async () => {
    await stage.restart({ clockOffsetMs: -3_600_000 });
    const halfAnHourAgo = now() * 1000 - 1_800_000_000;
    await stage.send([['t-1', halfAnHourAgo, 1]]);
    expect(
      await stage.database.query('select (extract(epoch from from_time) * 1000000)::int8 as from_us from late_range'),
    ).toEqual([{ from_us: halfAnHourAgo }]);
  });

  test('late readings ring for the rollups at once, and a flood of them once', async () => {
    const nowUs = now() * 1000;
    await stage.send([['t-1', nowUs, 1]]);
    expect(stage.bells).not.toContain('rollups');
    for (let index = 0; index < 3; index++) await stage.send([['t-1', nowUs - 1_800_000_000 + index, 1]]);
    expect(stage.bells.filter((bell) => bell === 'rollups')).toHaveLength(1);
  });

  test('a row that the database refuses is found by halves and kept; the others are stored', async () => {
    await stage.database.query('alter table reading add constraint no_sevens check (value <> 7)');
    const timeUs = now() * 1000;
    const rows = Array.from(
      { length: 100 },
      (_, index): StageRow => ['t-1', timeUs + index, index === 31 || index === 77 ? 7 : index + 100],
    );
    await stage.send([...rows, ['t-1', timeUs, 100]]);
    expect(await stage.ledger()).toMatchObject({ received: 101, stored: 98, duplicate: 1, rejected: 2 });
    const refused = await stage.database.query<{ detail: string }>(
      "select value, detail from rejected_reading where reason = 'refused_by_database'",
    );
    expect(refused).toMatchObject([{ value: 7 }, { value: 7 }]);
    expect(refused[0]?.detail).toContain('no_sevens');
  });

  test('unknown addresses are parked up to the limit, then counted as rejected', async () => {
    await stage.restart({ parkedMaxReadings: 3 });
    const timeUs = now() * 1000;
    await stage.send(Array.from({ length: 5 }, (_, index): StageRow => ['nobody', timeUs + index, index]));
    expect(await stage.ledger()).toMatchObject({ received: 5, parked: 3, rejected: 2 });
    expect(await stage.database.query('select address, readings, sample from discovered_address')).toEqual([
      { address: 'millrace/berlin/line-01/m-001/nobody', readings: 5, sample: '4' },
    ]);
    const [full] = await stage.database.query<{ detail: string }>(
      "select detail from rejected_reading where reason = 'parked_full'",
    );
    expect(full?.detail).toContain('2 readings of the unknown address');
  });

  test('readings of an address that becomes known while they lie in the journal do not stay parked', async () => {
    const timeUs = now() * 1000;
    const address = 'millrace/berlin/line-01/m-001/late';
    await stage.message((into) => addReading(into, address, undefined, timeUs, 5, Quality.good, timeUs));
    expect(await stage.ledger()).toMatchObject({ parked: 1, stored: 0 });
    // The registry knows the address before the record with its readings is stored.
    await stage.database.execute(
      `insert into signal_source (organization_id, signal_id, protocol, address)
       select organization_id, signal_id, 'mqtt', $1 from signal where name = 't-1'`,
      [address],
    );
    await stage.reload();
    await stage.message((into) => addReading(into, address, undefined, timeUs + 1, 6, Quality.good, timeUs));
    await waitUntil('both are stored', async () => (await stage.stored('t-1')).length === 2);
    expect(await stage.ledger()).toMatchObject({ received: 2, parked: 0, stored: 2 });
    expect(await stage.database.query('select 1 from discovered_address')).toEqual([]);
  });

  test('rejections keep their bytes, and what the protocol lost is in the books', async () => {
    await stage.message((into) => {
      addRejected(into, 'millrace/x', 'malformed_payload', 'Broken; accepted is JSON.', Buffer.from([0, 1, 255]), {
        time_us: Number.NEGATIVE_INFINITY,
        value: Number.POSITIVE_INFINITY,
      });
      addReading(
        into,
        'a',
        stage.registry().signal(stage.idOf('t-1')),
        now() * 1000 + 200_000_000_000,
        1,
        Quality.good,
        now() * 1000,
      );
      addLost(into, 12);
    });
    expect(await stage.ledger()).toMatchObject({ received: 2, rejected: 2, from_future: 1, lost_upstream: 12 });
    const [row] = await stage.database.query(
      'select reason, payload, time, value from rejected_reading order by rejected_reading_id limit 1',
    );
    expect(row).toEqual({
      reason: 'malformed_payload',
      payload: Buffer.from([0, 1, 255]),
      time: null,
      value: Number.POSITIVE_INFINITY,
    });
  });

  test('a record that was committed before, but whose commit nobody heard of, is skipped whole', async () => {
    const timeUs = now() * 1000;
    await stage.send([
      ['t-1', timeUs, 1],
      ['t-1', timeUs, 1],
    ]);
    const before = await stage.ledger();
    expect(before).toMatchObject({ received: 2, stored: 1, duplicate: 1 });
    // As after a crash between COMMIT and the freeing of the journal: it believes that nothing is committed yet.
    await stage.restart({ committed: 0, loseJournal: true });
    await stage.send([['t-1', timeUs, 2]]);
    expect(await stage.ledger()).toEqual(before);
    await stage.send([['t-2', timeUs, 1]]);
    expect(await stage.ledger()).toMatchObject({ received: 3, stored: 2, duplicate: 1 });
  });

  test('a signal deleted since does not stop the batch', async () => {
    await stage.database.query('delete from signal where signal_id = $1', [stage.idOf('t-2')]);
    const timeUs = now() * 1000;
    await stage.send([
      ['t-1', timeUs, 1],
      ['t-2', timeUs, 2],
      ['t-3', timeUs, 3],
    ]);
    expect(await stage.ledger()).toMatchObject({ received: 3, stored: 3 });
    expect(await stage.database.query('select signal_id from latest_value order by 1')).toEqual([
      { signal_id: stage.idOf('t-1') },
      { signal_id: stage.idOf('t-3') },
    ]);
  });

  test('a second ingest with the same gateway number waits and says so', async () => {
    await stage.send([['t-1', now() * 1000, 1]]);
    const second = await stage.startSecondStore();
    await waitUntil('the second one waits', () => second.store.state.failure !== null);
    expect(second.store.state.failure).toContain('Another ingest writes as gateway 1');
    expect(second.store.state.batches).toBe(0);
    await second.close();
  });
});
