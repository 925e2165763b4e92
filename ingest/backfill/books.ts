import type { Connection } from '../../core/database.ts';
import { epochTime, numberArray, timeArray } from '../store/sql-arrays.ts';
import type { BackfillSignals } from './signals.ts';
import type { RunState } from './run-state.ts';
import type { BadCell } from './sink.ts';

/** The source under which everything back-filled stands in the books. */
export const backfillSource = { protocol: 'file', name: 'backfill' } as const;

export interface BookEntry {
  received: number;
  stored: number;
  duplicate: number;
  conflict: number;
  rejected: number;
}

/** The row of `source` that the back-fill is booked under; made when it is not there. */
export async function backfillSourceId(connection: Connection, organizationId: number): Promise<number> {
  const [row] = await connection.query<{ source_id: number }>(
    `insert into source as s (organization_id, protocol, name) values ($1, $2, $3)
     on conflict (organization_id, protocol, name) do update set last_message_at = now() returning s.source_id`,
    [organizationId, backfillSource.protocol, backfillSource.name],
  );
  if (row === undefined) throw new Error('The source of the back-fill could not be made.');
  return row.source_id;
}

/** Adds to the books of this minute. Late are all of the stored: they come from the past. */
export async function writeBooks(
  connection: Connection,
  organizationId: number,
  sourceId: number,
  entry: BookEntry,
): Promise<void> {
  await connection.query(
    `insert into ledger as l (organization_id, source_id, minute, received, stored, duplicate, conflict, rejected, late)
     values ($1, $2, date_trunc('minute', now(), 'UTC'), $3, $4, $5, $6, $7, $4)
     on conflict (source_id, minute) do update
        set received = l.received + excluded.received, stored = l.stored + excluded.stored, duplicate = l.duplicate + excluded.duplicate,
            conflict = l.conflict + excluded.conflict, rejected = l.rejected + excluded.rejected, late = l.late + excluded.late`,
    [organizationId, sourceId, entry.received, entry.stored, entry.duplicate, entry.conflict, entry.rejected],
  );
}

/** Keeps bad cells where people look for what was rejected: `address` is file, line and column. */
export async function keepBadCells(
  connection: Connection,
  organizationId: number,
  sourceId: number,
  cells: readonly BadCell[],
): Promise<void> {
  if (cells.length === 0) return;
  await connection.execute(
    `insert into rejected_reading (organization_id, source_id, received_at, address, reason, detail, signal_id, time, payload)
     select $1, $2, now(), r.address, r.reason, r.detail, r.signal_id, ${epochTime('r.time_us')}, convert_to(r.value, 'UTF8')
       from unnest($3::text[], $4::text[], $5::text[], $6::int4[], $7::int8[], $8::text[]) as r(address, reason, detail, signal_id, time_us, value)`,
    [
      organizationId,
      sourceId,
      cells.map((cell) => `${cell.file}:${cell.line} ${cell.column}`),
      cells.map((cell) => cell.reason),
      cells.map((cell) => `The value is ${cell.value}; accepted is ${cell.accepted}.`),
      numberArray(cells.map((cell) => cell.signal_id)),
      timeArray(cells.map((cell) => cell.time_us)),
      cells.map((cell) => cell.value),
    ],
  );
}

/** Keeps the first of the values that another value stands in the way of. */
export async function keepConflicts(
  connection: Connection,
  organizationId: number,
  sourceId: number,
  conflicts: readonly { signal_id: number; time_us: number; value: number | null; detail: string }[],
  signals: BackfillSignals,
): Promise<void> {
  if (conflicts.length === 0) return;
  await connection.execute(
    `insert into rejected_reading (organization_id, source_id, received_at, address, reason, detail, signal_id, time, value)
     select $1, $2, now(), r.address, 'conflict', r.detail, r.signal_id, ${epochTime('r.time_us')}, r.value
       from unnest($3::text[], $4::text[], $5::int4[], $6::int8[], $7::float8[]) as r(address, detail, signal_id, time_us, value)`,
    [
      organizationId,
      sourceId,
      conflicts.map((conflict) => signals.byId(conflict.signal_id)?.path ?? ''),
      conflicts.map((conflict) => conflict.detail),
      numberArray(conflicts.map((conflict) => conflict.signal_id)),
      timeArray(conflicts.map((conflict) => conflict.time_us)),
      numberArray(conflicts.map((conflict) => conflict.value)),
    ],
  );
}

/** Moves the latest value of each signal forward where the files end with something newer. Never backward. */
export async function raiseLatestValues(connection: Connection, newest: RunState['newest']): Promise<void> {
  const rows = Object.entries(newest).sort(([left], [right]) => Number(left) - Number(right));
  if (rows.length === 0) return;
  await connection.execute(
    `insert into latest_value (signal_id, time, value, quality, received_at)
     select n.signal_id, ${epochTime('n.time_us')}, n.value, n.quality, now()
       from unnest($1::int4[], $2::int8[], $3::float8[], $4::int2[]) as n(signal_id, time_us, value, quality)
       join signal using (signal_id)
     on conflict (signal_id) do update
        set time = excluded.time, value = excluded.value, quality = excluded.quality, received_at = excluded.received_at
      where excluded.time > latest_value.time`,
    [
      numberArray(rows.map(([signal]) => Number(signal))),
      timeArray(rows.map(([, row]) => row.time_us)),
      numberArray(rows.map(([, row]) => row.value)),
      numberArray(rows.map(([, row]) => row.quality)),
    ],
  );
}

/** Tells analytics whose states and counts of the past are new, so that their shifts are computed again. */
export async function noteMachines(
  connection: Connection,
  fromUs: number,
  toUs: number,
  machineIds: readonly number[],
): Promise<void> {
  if (machineIds.length === 0) return;
  await connection.query(
    `insert into late_range (from_time, to_time, machine_ids) values (${epochTime('$1::int8')}, ${epochTime('$2::int8')}, $3::int[])`,
    [fromUs, toUs, machineIds],
  );
}
