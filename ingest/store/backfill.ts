import type { Connection } from '../../core/database.ts';
import type { Protocol } from '../../core/reading.ts';
import { keepValue } from '../resolve/kept-value.ts';
import type { RegisteredSignal } from '../resolve/signal-registry.ts';
import { readSignalValue } from '../resolve/signal-value.ts';
import { appendRow, emptyBatch, findPart, type Batch, type Part } from './batch.ts';
import type { TextValues } from './text-values.ts';

interface ParkedRow {
  received_at_ms: number;
  time_us: number;
  value: number | null;
  text: string | null;
  quality: number;
  protocol: Protocol;
  source: string;
}

/** So many parked readings are stored in one transaction; the rest follows in further ones. */
const mostRows = 20_000;

/**
 * Takes the parked readings of an address that has a signal now, within the caller's transaction, as a batch for
 * `writeBatch`. In the books of the minute in which each was received, it moves from parked to stored (or duplicate,
 * or rejected when the signal cannot take its value), so that they stay balanced and `received` is not counted twice.
 * The rows are not live, but may become the latest value. The discovered address goes with its last reading; `more`
 * says that there are readings left.
 */
export async function takeParked(
  connection: Connection,
  organizationId: number,
  sequence: number,
  protocol: Protocol,
  address: string,
  signal: RegisteredSignal,
  texts: TextValues,
): Promise<{ batch: Batch; resolved: Map<string, number>; taken: number; more: boolean }> {
  const rows = await connection.query<ParkedRow>(
    `with taken as (
       delete from parked_reading where parked_reading_id in (
         select parked_reading_id from parked_reading join discovered_address using (discovered_address_id)
          where discovered_address.organization_id = $1 and protocol = $2 and address = $3
          order by time limit $4)
       returning *)
     select (extract(epoch from t.received_at) * 1000)::float8 as received_at_ms, (extract(epoch from t.time) * 1000000)::int8 as time_us,
            t.value, t.text, t.quality, s.protocol, s.name as source
       from taken t join source s using (source_id) order by t.time`,
    [organizationId, protocol, address, mostRows],
  );
  const batch = emptyBatch(sequence, rows.length);
  const values = rows.map((row) => readSignalValue(signal.kind, row.text ?? row.value, row.quality));
  const distinct = new Set(values.filter((value) => typeof value === 'string'));
  const resolved = await texts.resolve(connection, organizationId, [...distinct]);
  const parts = new Map<string, Part>();
  for (const [index, row] of rows.entries()) {
    const part = findPart(batch, parts, row.protocol, row.source, row.received_at_ms);
    part.parked--;
    const value = values[index] ?? Number.NaN;
    const number = typeof value === 'string' ? resolved.get(value) : value;
    if (typeof number === 'number') {
      appendRow(batch, batch.parts.indexOf(part), row.time_us, signal.signal_id, number, row.quality);
      continue;
    }
    const problem = number ?? { reason: 'too_many_texts' as const, detail: 'The room for distinct texts is used up.' };
    batch.rejected.push({
      part,
      received_at_ms: row.received_at_ms,
      reading: {
        readings: 1,
        address,
        ...problem,
        signal_id: signal.signal_id,
        time_us: row.time_us,
        value: row.value ?? Number.NaN,
        payload: keepValue(row.text ?? row.value),
        quality: row.quality,
      },
    });
  }
  batch.latest_rows = batch.columns.length;
  const left = await connection.query(
    `select 1 from parked_reading join discovered_address using (discovered_address_id)
      where discovered_address.organization_id = $1 and protocol = $2 and address = $3 limit 1`,
    [organizationId, protocol, address],
  );
  if (left.length === 0) {
    await connection.execute(
      'delete from discovered_address where organization_id = $1 and protocol = $2 and address = $3',
      [organizationId, protocol, address],
    );
  }
  return { batch, resolved, taken: rows.length, more: left.length > 0 };
}

/** The discovered addresses that have a signal by now, and so wait to be back-filled. */
export async function addressesToBackfill(
  connection: Connection,
  organizationId: number,
): Promise<{ protocol: Protocol; address: string }[]> {
  return connection.query(
    `select distinct d.protocol, d.address from discovered_address d
       join signal_source using (organization_id, protocol, address)
      where d.organization_id = $1 order by 1, 2`,
    [organizationId],
  );
}
