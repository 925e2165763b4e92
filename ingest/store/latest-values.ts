import type { Connection } from '../../core/database.ts';
import type { Batch } from './batch.ts';
import { Outcome } from './insert-readings.ts';
import { epochTime, numberArray, timeArray } from './sql-arrays.ts';

/** As `isAhead` in the statement. */
const aheadToleranceUs = 5e6;

/**
 * Moves the latest value of each signal in the batch forward, never backward. Signals that were deleted since are left
 * out: the table has a foreign key, and their readings must not stop the batch.
 */
export async function updateLatestValues(connection: Connection, batch: Batch, outcome: Uint8Array): Promise<void> {
  const newest = new Map<number, number>();
  const { signal_id, time_us, value, quality } = batch.columns;
  const receivedUs = (row: number): number => (batch.parts[batch.part_of_row[row] ?? 0]?.received_at_ms ?? 0) * 1000;
  const ahead = (row: number): boolean => (time_us[row] ?? 0) > receivedUs(row) + aheadToleranceUs;
  const isNewer = (row: number, than: number): boolean =>
    ahead(row) === ahead(than) ? (time_us[row] ?? 0) > (time_us[than] ?? 0) : ahead(than);
  for (let row = 0; row < batch.latest_rows; row++) {
    if (outcome[row] !== Outcome.stored) continue;
    const signal = signal_id[row] ?? 0;
    const best = newest.get(signal);
    if (best === undefined || isNewer(row, best)) newest.set(signal, row);
  }
  if (newest.size === 0) return;
  // Ordered by signal, so that two gateways that meet here lock the rows in the same order.
  const rows = [...newest].sort(([left], [right]) => left - right).map(([, row]) => row);
  await connection.prepared('latest_value', upsert, [
    numberArray(rows.map((row) => signal_id[row] ?? 0)),
    timeArray(rows.map((row) => time_us[row] ?? 0)),
    numberArray(rows.map((row) => value[row] ?? Number.NaN)),
    numberArray(rows.map((row) => quality[row] ?? 0)),
    timeArray(rows.map(receivedUs)),
  ]);
}

/**
 * Stamped more than 5 s ahead of its arrival: that hides no present value, and gives way to one, however old it says to be.
 * A signal of which nothing else has come for a minute shows it, because its clock is simply ahead.
 */
function isAhead(row: 'excluded' | 'latest_value'): string {
  return `(${row}.time > ${row}.received_at + interval '5 seconds')`;
}

const upsert = `
  insert into latest_value (signal_id, time, value, quality, received_at)
  select n.signal_id, ${epochTime('n.time_us')}, n.value, n.quality, ${epochTime('n.received_us')}
    from unnest($1::int4[], $2::int8[], $3::float8[], $4::int2[], $5::int8[]) as n(signal_id, time_us, value, quality, received_us)
    join signal using (signal_id)
  on conflict (signal_id) do update
     set time = excluded.time, value = excluded.value, quality = excluded.quality, received_at = excluded.received_at
   where case when ${isAhead('excluded')} = ${isAhead('latest_value')} then excluded.time > latest_value.time
              else ${isAhead('latest_value')} or excluded.received_at > latest_value.received_at + interval '1 minute' end`;
