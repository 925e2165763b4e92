import type { Database } from '../database.ts';
import { encodeFeedPayload, feedChannel } from '../feed.ts';
import { appendReading, createColumns } from '../reading-columns.ts';

/** One reading as a test writes it down. Quality is good unless said otherwise; value null is "no value". */
export interface TestReading {
  signal_id: number;
  time_us: number;
  value: number | null;
  quality?: number;
  /** Store-and-forward or back-filled: not for the live picture. */
  historical?: boolean;
}

/**
 * Stores readings as ingest's store does, for rooms that may not import ingest: in one transaction the new rows of
 * `reading`, the same rows as one batch of the feed, the latest values, the late ranges and the gateway's sequence; then
 * the NOTIFY. Rows that are there already are dropped. Answers how many were new.
 */
export async function storeReadings(
  database: Database,
  readings: readonly TestReading[],
  gatewayId = 1,
): Promise<number> {
  return database.withTransaction(async (connection) => {
    const times = readings.map((reading) => reading.time_us);
    await connection.query(
      'call ensure_reading_partitions(to_timestamp($1::float8 / 1e6), to_timestamp($2::float8 / 1e6))',
      [
        times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY),
        times.reduce((most, time) => Math.max(most, time), Number.NEGATIVE_INFINITY),
      ],
    );
    const inserted = await connection.query<{ signal_id: number; time_us: number }>(
      `insert into reading (signal_id, time, value, quality)
       select signal_id, to_timestamp(time_us / 1e6), value, quality
         from unnest($1::int[], $2::float8[], $3::float8[], $4::int2[]) as r(signal_id, time_us, value, quality)
       on conflict do nothing
       returning signal_id, (extract(epoch from time) * 1e6)::float8 as time_us`,
      [
        readings.map((reading) => reading.signal_id),
        times,
        readings.map((reading) => reading.value),
        readings.map((reading) => reading.quality ?? 192),
      ],
    );
    const isNew = new Set(inserted.map((row) => `${row.signal_id} ${row.time_us}`));
    const live = createColumns(readings.length);
    const historical = createColumns(readings.length);
    for (const { signal_id, time_us, value, quality, historical: past } of readings) {
      if (!isNew.delete(`${signal_id} ${time_us}`)) continue;
      appendReading(past === true ? historical : live, time_us, signal_id, value ?? Number.NaN, quality ?? 192);
    }
    const [gateway] = await connection.query<{ last_sequence: number }>(
      `insert into gateway as g (gateway_id, last_sequence) values ($1, 1)
       on conflict (gateway_id) do update set last_sequence = g.last_sequence + 1 returning last_sequence`,
      [gatewayId],
    );
    if (live.length + historical.length > 0) {
      await connection.query(
        'insert into reading_batch (gateway_id, sequence, readings, payload) values ($1, $2, $3, $4)',
        [gatewayId, gateway?.last_sequence, live.length + historical.length, encodeFeedPayload(live, historical)],
      );
    }
    await connection.query(
      `insert into latest_value (signal_id, time, value, quality, received_at)
       select distinct on (signal_id) signal_id, to_timestamp(time_us / 1e6), value, quality, now()
         from unnest($1::int[], $2::float8[], $3::float8[], $4::int2[]) as r(signal_id, time_us, value, quality)
        order by signal_id, time_us desc
       on conflict (signal_id) do update
          set time = excluded.time, value = excluded.value, quality = excluded.quality, received_at = excluded.received_at
        where latest_value.time < excluded.time`,
      [
        readings.map((reading) => reading.signal_id),
        times,
        readings.map((reading) => reading.value),
        readings.map((reading) => reading.quality ?? 192),
      ],
    );
    await connection.query(
      `insert into late_range (from_time, to_time, machine_ids)
       select min(t.time), max(t.time), coalesce(array_agg(distinct s.machine_id) filter (where s.kind <> 'measurement'), '{}')
         from unnest($1::int[], $2::float8[]) as r(signal_id, time_us)
        cross join lateral (select to_timestamp(r.time_us / 1e6) as time) t
         join signal s using (signal_id)
        where t.time < now() - interval '2 minutes'
        group by date_trunc('hour', t.time)`,
      [readings.map((reading) => reading.signal_id), times],
    );
    await connection.query(`select pg_notify('${feedChannel}', '')`);
    return inserted.length;
  });
}
