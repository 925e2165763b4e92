import type { Connection } from '../../core/database.ts';
import type { Batch } from './batch.ts';
import { Outcome } from './insert-readings.ts';
import { epochTime, numberArray, timeArray } from './sql-arrays.ts';

/**
 * Moves the latest value of each signal in the batch forward, never backward. Signals that were deleted since are left
 * out: the table has a foreign key, and their readings must not stop the batch.
 */
export async function updateLatestValues(connection: Connection, batch: Batch, outcome: Uint8Array): Promise<void> {
  const newest = new Map<number, number>();
  const { signal_id, time_us, value, quality } = batch.columns;
  for (let row = 0; row < batch.latest_rows; row++) {
    if (outcome[row] !== Outcome.stored) continue;
    const signal = signal_id[row] ?? 0;
    const best = newest.get(signal);
    if (best === undefined || (time_us[row] ?? 0) > (time_us[best] ?? 0)) newest.set(signal, row);
  }
  if (newest.size === 0) return;
  // Ordered by signal, so that two gateways that meet here lock the rows in the same order.
  const rows = [...newest].sort(([left], [right]) => left - right).map(([, row]) => row);
  await connection.prepared('latest_value', upsert, [
    numberArray(rows.map((row) => signal_id[row] ?? 0)),
    timeArray(rows.map((row) => time_us[row] ?? 0)),
    numberArray(rows.map((row) => value[row] ?? Number.NaN)),
    numberArray(rows.map((row) => quality[row] ?? 0)),
    timeArray(rows.map((row) => (batch.parts[batch.part_of_row[row] ?? 0]?.received_at_ms ?? 0) * 1000)),
  ]);
}

const upsert = `
  insert into latest_value (signal_id, time, value, quality, received_at)
  select n.signal_id, ${epochTime('n.time_us')}, n.value, n.quality, ${epochTime('n.received_us')}
    from unnest($1::int4[], $2::int8[], $3::float8[], $4::int2[], $5::int8[]) as n(signal_id, time_us, value, quality, received_us)
    join signal using (signal_id)
  on conflict (signal_id) do update
     set time = excluded.time, value = excluded.value, quality = excluded.quality, received_at = excluded.received_at
   where excluded.time > latest_value.time`;
