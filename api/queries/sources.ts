import type { Connection } from '../../core/database.ts';
import type { Gateway, Source } from '../schemas/source.ts';
import { toRfc3339OrNull } from './row.ts';

/** Everything that speaks to us, with its rates of the last full minute and its troubles of the last day. */
export async function listSources(connection: Connection, nowMs: number): Promise<Source[]> {
  const rows = await connection.query<Source>(
    `select s.source_id, s.protocol, s.name, s.connected, s.last_message_at, s.skew_ms, s.status,
            coalesce(minute.received, 0) / 60.0::float8 as received_per_second,
            coalesce(minute.stored, 0) / 60.0::float8 as stored_per_second,
            day.rejected as rejected_today, day.lost_upstream as lost_upstream_today
       from source s
       left join ledger minute on minute.source_id = s.source_id
                              and minute.minute = date_trunc('minute', to_timestamp($1::float8), 'UTC') - interval '1 minute'
      cross join lateral (select coalesce(sum(rejected), 0)::int8 as rejected, coalesce(sum(lost_upstream), 0)::int8 as lost_upstream
                            from ledger b where b.source_id = s.source_id and b.minute > to_timestamp($1::float8) - interval '24 hours') day
      order by s.protocol, s.name`,
    [nowMs / 1000],
  );
  return rows.map((row) => ({ ...row, last_message_at: toRfc3339OrNull(row.last_message_at) }));
}

/** A gateway without a heartbeat for this long is called silent. */
export const gatewaySilentSeconds = 30;

export async function listGateways(connection: Connection, nowMs: number): Promise<Gateway[]> {
  const rows = await connection.query<Gateway>(
    `select gateway_id, last_sequence, reported_at, journal_readings, journal_bytes, status,
            coalesce(reported_at < to_timestamp($1::float8) - make_interval(secs => $2), true) as silent
       from gateway order by gateway_id`,
    [nowMs / 1000, gatewaySilentSeconds],
  );
  return rows.map((row) => ({ ...row, reported_at: toRfc3339OrNull(row.reported_at) }));
}
