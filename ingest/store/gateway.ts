import type { Connection, Database } from '../../core/database.ts';

export interface Gateway {
  gateway_id: number;
  organization_id: number;
  /** Names the journal's folder: a journal belongs to one gateway of one database. */
  identity: string;
  last_sequence: number;
  /** The journal's count at that record (ingest/journal/frame.ts); 0 when it is not known. */
  journal_total: number;
  parked_readings: number;
}

/** Finds or makes this gateway's row and its organization, the one named `enterprise`. */
export async function registerGateway(database: Database, gatewayId: number, enterprise: string): Promise<Gateway> {
  return database.withTransaction(async (connection) => {
    await connection.execute('insert into organization (name) values ($1) on conflict (name) do nothing', [enterprise]);
    await connection.execute('insert into gateway (gateway_id) values ($1) on conflict do nothing', [gatewayId]);
    await connection.execute(
      `update gateway g set organization_id = o.organization_id from organization o
        where g.gateway_id = $1 and o.name = $2 and g.organization_id is distinct from o.organization_id`,
      [gatewayId, enterprise],
    );
    const [row] = await connection.query<Gateway>(
      `select g.gateway_id, o.organization_id, g.identity, g.last_sequence, g.journal_total,
              (select count(*) from parked_reading p where p.organization_id = o.organization_id) as parked_readings
         from gateway g cross join organization o where g.gateway_id = $1 and o.name = $2`,
      [gatewayId, enterprise],
    );
    if (row === undefined) throw new Error(`Gateway ${gatewayId} of "${enterprise}" was neither found nor made.`);
    return row;
  });
}

/** How many readings are parked, by all gateways together. */
export async function countParked(connection: Connection, organizationId: number): Promise<number> {
  const [row] = await connection.query<{ parked: number }>(
    'select count(*) as parked from parked_reading where organization_id = $1',
    [organizationId],
  );
  return row?.parked ?? 0;
}

/**
 * Whether this session is the only one that writes as this gateway; the lock goes with the session. A second ingest
 * with the same GATEWAY_ID would mix two journals' sequences.
 */
export async function lockGateway(connection: Connection, gatewayId: number): Promise<boolean> {
  const [row] = await connection.query<{ locked: boolean }>(
    `select pg_try_advisory_lock(hashtext('millrace gateway'), $1) as locked`,
    [gatewayId],
  );
  return row?.locked === true;
}

/** What the database has committed of the gateway's journal. */
export interface Committed {
  last_sequence: number;
  journal_total: number;
  /** The database's clock, which analytics builds rollups by; ours may be set otherwise. */
  now_ms: number;
}

/** What the database has committed, with the row locked until the caller's transaction ends. */
export async function readCommitted(connection: Connection, gatewayId: number): Promise<Committed> {
  const [row] = await connection.prepared<Committed>(
    'gateway_for_update',
    `select last_sequence, journal_total, (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms
       from gateway where gateway_id = $1 for update`,
    [gatewayId],
  );
  if (row === undefined)
    throw new Error(`Gateway ${gatewayId} has vanished from the database; was it restored? Start ingest again.`);
  return row;
}

/** A session of this server; a process id alone may belong to another one by now. */
export interface Session {
  pid: number;
  started_at: string;
}

export async function ownSession(connection: Connection): Promise<Session | undefined> {
  const [row] = await connection.query<Session>(
    'select pid, backend_start::text as started_at from pg_stat_activity where pid = pg_backend_pid()',
  );
  return row;
}

/** Ends a session whose connection was given up, which releases its locks and rolls its transaction back. */
export async function endSession(connection: Connection, session: Session): Promise<void> {
  await connection.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and backend_start::text = $2',
    [session.pid, session.started_at],
  );
}
