import type { Connection } from '../../core/database.ts';

export interface ReadinessRow {
  /** The newest applied migration; null: none. */
  migration: number | null;
  gateways: number;
  /** Seconds since the newest heartbeat and the newest stored batch; null: never. */
  heartbeat_age: number | null;
  feed_age: number | null;
  /** Seconds since the newest batch that analytics has taken was stored; null: it never took one. */
  analytics_age: number | null;
  /** What each gateway that does not run as it should says of itself; only those with a fresh heartbeat. */
  troubles: { gateway_id: number; status: string; message: string }[];
  /** Messages of the open alarms about books that do not balance. */
  unbalanced: string[];
}

/** What the readiness of the API is judged by, in one round trip. Fails where the database is not migrated. */
export async function readReadiness(database: Connection, nowMs: number): Promise<ReadinessRow> {
  const [row] = await database.query<ReadinessRow>(
    `select (select max(number) from schema_migration) as migration,
            (select count(*)::int from gateway) as gateways,
            (select extract(epoch from to_timestamp($1::float8) - max(reported_at))::float8 from gateway) as heartbeat_age,
            (select extract(epoch from to_timestamp($1::float8) - max(b.stored_at))::float8
               from gateway g join reading_batch b on b.gateway_id = g.gateway_id and b.sequence = g.last_sequence) as feed_age,
            (select extract(epoch from to_timestamp($1::float8) - max(stored_at))::float8 from analytics_cursor) as analytics_age,
            (select coalesce(json_agg(json_build_object('gateway_id', gateway_id, 'status', status->>'status', 'message', status->>'message') order by gateway_id), '[]')
               from gateway where status->>'status' <> 'running' and reported_at > to_timestamp($1::float8) - interval '1 minute') as troubles,
            (select coalesce(json_agg(message order by alarm_id), '[]') from alarm where kind = 'ledger' and returned_at is null) as unbalanced`,
    [nowMs / 1000],
  );
  if (row === undefined) throw new Error('A select without a table answered no row.');
  return row;
}
