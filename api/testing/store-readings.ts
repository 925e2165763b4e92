import type { Database } from '../../core/database.ts';
import { encodeFeedPayload } from '../../core/feed.ts';
import { Quality } from '../../core/reading.ts';
import { appendReading, createColumns } from '../../core/reading-columns.ts';

export interface TestReading {
  signal_id: number;
  time_ms: number;
  value: number | null;
  quality?: number;
  /** Store-and-forward data: stored, never live. */
  historical?: boolean;
}

/** Stores readings as ingest does, in one transaction: rows, feed, newest values, the gateway's sequence, the bell. */
export async function storeReadings(
  database: Database,
  readings: readonly TestReading[],
  gatewayId = 1,
): Promise<void> {
  const live = createColumns(readings.length);
  const historical = createColumns(0);
  for (const { signal_id, time_ms, value, quality = Quality.good, historical: isHistorical } of readings) {
    appendReading(isHistorical === true ? historical : live, time_ms * 1000, signal_id, value ?? Number.NaN, quality);
  }
  const columns = [
    readings.map((row) => row.signal_id),
    readings.map((row) => row.time_ms / 1000),
    readings.map((row) => row.value),
    readings.map((row) => row.quality ?? Quality.good),
  ];
  await database.execute('insert into gateway (gateway_id) values ($1) on conflict do nothing', [gatewayId]);
  await database.withTransaction(async (connection) => {
    await connection.execute(
      `insert into reading (signal_id, time, value, quality)
       select s, to_timestamp(t), v, q from unnest($1::int[], $2::float8[], $3::float8[], $4::int2[]) as r(s, t, v, q)`,
      columns,
    );
    await connection.execute(
      `insert into latest_value as l (signal_id, time, value, quality, received_at)
       select distinct on (s) s, to_timestamp(t), v, q, now() from unnest($1::int[], $2::float8[], $3::float8[], $4::int2[]) as r(s, t, v, q)
        order by s, t desc
       on conflict (signal_id) do update set time = excluded.time, value = excluded.value, quality = excluded.quality
        where excluded.time > l.time`,
      columns,
    );
    await connection.execute(
      `with gone as (update gateway set last_sequence = last_sequence + 1, reported_at = now() where gateway_id = $1 returning last_sequence)
       insert into reading_batch (gateway_id, sequence, readings, payload) select $1, last_sequence, $2, $3 from gone`,
      [gatewayId, readings.length, encodeFeedPayload(live, historical)],
    );
    await connection.query("select pg_notify('reading_batch', '')");
  });
}
