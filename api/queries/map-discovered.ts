import type { z } from 'zod';
import type { Connection } from '../../core/database.ts';
import type { mapBody } from '../schemas/discovered.ts';

/**
 * Maps a discovered address to a signal that is there, or to a new one, in the caller's transaction. The triggers on signal and signal_source tell
 * ingest, which then stores the parked readings. Answers what is in the way instead, if something is.
 */
export async function mapDiscovered(
  connection: Connection,
  discoveredId: number,
  organizationId: number,
  body: z.output<typeof mapBody>,
): Promise<
  { signal_id: number } | 'no such address' | 'no such machine' | 'no such signal' | 'name taken' | 'address taken'
> {
  const [address] = await connection.query<{ protocol: string; address: string }>(
    'select protocol, address from discovered_address where discovered_address_id = $1 for update',
    [discoveredId],
  );
  if (address === undefined) return 'no such address';
  const signal =
    body.signal_id === undefined
      ? await makeSignal(connection, organizationId, discoveredId, body)
      : await findSignal(connection, body.signal_id);
  if (typeof signal === 'string') return signal;
  const mapped = await connection.execute(
    `insert into signal_source (organization_id, signal_id, protocol, address) values ($1, $2, $3, $4)
     on conflict (organization_id, protocol, server, address) do nothing`,
    [organizationId, signal.signal_id, address.protocol, address.address],
  );
  return mapped === 1 ? signal : 'address taken';
}

async function findSignal(connection: Connection, signalId: number): Promise<{ signal_id: number } | 'no such signal'> {
  const [signal] = await connection.query<{ signal_id: number }>('select signal_id from signal where signal_id = $1', [
    signalId,
  ]);
  return signal ?? 'no such signal';
}

async function makeSignal(
  connection: Connection,
  organizationId: number,
  discoveredId: number,
  body: z.output<typeof mapBody>,
): Promise<{ signal_id: number } | 'no such machine' | 'name taken'> {
  const [machine] = await connection.query<{ machine_id: number }>(
    'select machine_id from machine where machine_id = $1',
    [body.machine_id],
  );
  if (machine === undefined) return 'no such machine';
  const [signal] = await connection.query<{ signal_id: number }>(
    `insert into signal (organization_id, machine_id, name, kind, quantity, unit, expected_interval_seconds, range_low, range_high,
                         limit_low_low, limit_low, limit_high, limit_high_high, position)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
             (select coalesce(max(position), -1) + 1 from signal where machine_id = $2))
     on conflict (machine_id, name) do nothing returning signal_id`,
    [
      organizationId,
      body.machine_id,
      body.name,
      body.kind,
      body.quantity,
      body.unit ?? '',
      body.expected_interval_seconds ?? (await usualInterval(connection, discoveredId)) ?? 1,
      body.range_low ?? null,
      body.range_high ?? null,
      body.limit_low_low ?? null,
      body.limit_low ?? null,
      body.limit_high ?? null,
      body.limit_high_high ?? null,
    ],
  );
  return signal ?? 'name taken';
}

/**
 * The usual distance of the parked readings in seconds, to the millisecond; undefined with fewer than four of them. With
 * one second for everybody, a sensor that speaks every minute would be a row of gaps.
 */
async function usualInterval(connection: Connection, discoveredId: number): Promise<number | undefined> {
  const [row] = await connection.query<{ seconds: number | null }>(
    `select round(percentile_cont(0.5) within group (order by extract(epoch from time - before)::float8)::numeric, 3)::float8 as seconds
       from (select time, lag(time) over (order by time) as before
               from (select distinct time from parked_reading where discovered_address_id = $1 order by time desc limit 1000) t) d
      where before is not null having count(*) >= 3`,
    [discoveredId],
  );
  return row?.seconds === null || row?.seconds === undefined || row.seconds <= 0 ? undefined : row.seconds;
}
