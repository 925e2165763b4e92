import { describe, expect, test } from 'vitest';
import { encodeFeedPayload, feedEnd, readFeed } from './feed.ts';
import { appendReading, createColumns, type ReadingColumns } from './reading-columns.ts';
import { createTestDatabase, testEngines, type TestDatabase } from './testing/database.ts';

async function store(database: TestDatabase, gatewayId: number, sequence: number, value: number): Promise<void> {
  const live = columns(value);
  const historical = columns(value + 0.5);
  await database.query(
    `insert into gateway (gateway_id, last_sequence) values ($1, $2)
     on conflict (gateway_id) do update set last_sequence = excluded.last_sequence`,
    [gatewayId, sequence],
  );
  await database.query('insert into reading_batch (gateway_id, sequence, readings, payload) values ($1, $2, 2, $3)', [
    gatewayId,
    sequence,
    encodeFeedPayload(live, historical),
  ]);
}

function columns(value: number): ReadingColumns {
  const one = createColumns(1);
  appendReading(one, 1_700_000_000_123_456, 7, value, 192);
  return one;
}

describe.each(testEngines())('the feed on %s', (engine) => {
  test('gives every batch of every gateway once, in order, and no more than asked for', async () => {
    const database = await createTestDatabase(engine);
    const cursor = await feedEnd(database);
    expect(await readFeed(database, cursor)).toEqual([]);
    for (const [gateway, sequence] of [
      [2, 10],
      [1, 1],
      [1, 2],
      [2, 11],
      [1, 4],
    ] as const)
      await store(database, gateway, sequence, sequence);

    const first = await readFeed(database, cursor, 2);
    expect(first.map((batch) => [batch.gateway_id, batch.sequence])).toEqual([
      [1, 1],
      [1, 2],
      [2, 10],
      [2, 11],
    ]);
    for (const batch of first) cursor.set(batch.gateway_id, batch.sequence);
    const second = await readFeed(database, cursor);
    expect(second.map((batch) => [batch.gateway_id, batch.sequence])).toEqual([[1, 4]]);

    const [batch] = second;
    expect(batch?.live_rows).toBe(1);
    expect([...(batch?.readings.value ?? [])].slice(0, 2)).toEqual([4, 4.5]);
    expect(batch?.readings.time_us[0]).toBe(1_700_000_000_123_456);
    const [now] = await database.query<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    expect(Math.abs((batch?.stored_at_ms ?? 0) - (now?.ms ?? 0))).toBeLessThan(60_000);
    expect(await feedEnd(database)).toEqual(
      new Map([
        [1, 4],
        [2, 11],
      ]),
    );
  });

  test('reading on is a step in the primary key, however long the feed is', async () => {
    const database = await createTestDatabase(engine);
    await store(database, 1, 1, 1);
    await database.query(
      'insert into reading_batch (gateway_id, sequence, readings, payload) select 1, s, 1, $1 from generate_series(2, 20000) s',
      [encodeFeedPayload(columns(1), createColumns(0))],
    );
    await database.query('analyze reading_batch');
    const rows = await database.query<{ 'QUERY PLAN': string }>(
      `explain (costs off) select b.* from gateway g left join unnest('{1}'::int2[], '{19990}'::int8[]) as seen(gateway_id, sequence) using (gateway_id)
        cross join lateral (select * from reading_batch b where b.gateway_id = g.gateway_id and b.sequence > coalesce(seen.sequence, 0)
                             order by b.sequence limit 50) b`,
    );
    const text = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Index Scan using reading_batch_pkey/);
  });
});
