import type { Connection } from '../../core/database.ts';

export interface GatewayMetrics {
  gateway_id: number;
  last_sequence: number;
  journal_readings: number;
  journal_bytes: number;
  reported_at_ms: number | null;
  status: Record<string, unknown>;
}

export function readGatewayMetrics(database: Connection): Promise<GatewayMetrics[]> {
  return database.query<GatewayMetrics>(
    `select gateway_id, last_sequence, journal_readings, journal_bytes, status,
            (extract(epoch from reported_at) * 1000)::float8 as reported_at_ms
       from gateway order by gateway_id`,
  );
}

/** Today's books of all organizations; runs as the owner, because a scrape belongs to none. */
export function readLedgerMetrics(
  database: Connection,
  nowMs: number,
): Promise<{ organization: string; source: string; outcome: string; readings: number }[]> {
  return database.query(
    `select o.name as organization, s.name as source, c.outcome, sum(c.readings)::int8 as readings
       from ledger b join source s using (source_id) join organization o on o.organization_id = b.organization_id
      cross join lateral (values ('received', b.received), ('stored', b.stored), ('duplicate', b.duplicate), ('conflict', b.conflict),
                                 ('rejected', b.rejected), ('parked', b.parked), ('dropped', b.dropped), ('lost_upstream', b.lost_upstream), ('late', b.late),
                                 ('from_future', b.from_future), ('untimed', b.untimed)) c(outcome, readings)
      where b.minute >= date_trunc('day', to_timestamp($1::float8), 'UTC')
      group by 1, 2, 3 order by 1, 2, 3`,
    [nowMs / 1000],
  );
}
