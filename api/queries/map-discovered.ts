import type { z } from 'zod';
import type { Connection } from '../../core/database.ts';
import type { mapBody } from '../schemas/discovered.ts';

/**
 * Makes a signal of a discovered address, in the caller's transaction. The triggers on signal and signal_source tell
 * ingest, which then stores the parked readings. Answers what is in the way instead, if something is.
 */
export async function mapDiscovered(
  connection: Connection,
  discoveredId: number,
  organizationId: number,
  body: z.output<typeof mapBody>,
): Promise<{ signal_id: number } | 'no such address' | 'no such machine' | 'name taken' | 'address taken'> {
  const [address] = await connection.query<{ protocol: string; address: string }>(
    'select protocol, address from discovered_address where discovered_address_id = $1 for update',
    [discoveredId],
  );
  if (address === undefined) return 'no such address';
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
      body.unit,
      body.expected_interval_seconds,
      body.range_low ?? null,
      body.range_high ?? null,
      body.limit_low_low ?? null,
      body.limit_low ?? null,
      body.limit_high ?? null,
      body.limit_high_high ?? null,
    ],
  );
  if (signal === undefined) return 'name taken';
  const mapped = await connection.execute(
    `insert into signal_source (organization_id, signal_id, protocol, address) values ($1, $2, $3, $4)
     on conflict (organization_id, protocol, server, address) do nothing`,
    [organizationId, signal.signal_id, address.protocol, address.address],
  );
  return mapped === 1 ? signal : 'address taken';
}
