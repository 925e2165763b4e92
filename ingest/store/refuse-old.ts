import type { Connection } from '../../core/database.ts';
import { appendReading, createColumns, type ReadingColumns } from '../../core/reading-columns.ts';
import { Outcome, type InsertReadings, type InsertResult } from './insert-readings.ts';
import type { Partitions } from './partitions.ts';

/** Leaves out the rows for which there is no room, and has the others inserted. */
export function refuseOld(insert: InsertReadings, partitions: Partitions): InsertReadings {
  return async (connection: Connection, columns: ReadingColumns): Promise<InsertResult> => {
    if (!partitions.refusesDays) return insert(connection, columns);
    const reasons = new Map<number, string>();
    for (let row = 0; row < columns.length; row++) {
      const reason = partitions.refusal(columns.time_us[row] ?? 0);
      if (reason !== undefined) reasons.set(row, reason);
    }
    if (reasons.size === 0) return insert(connection, columns);
    const kept = createColumns(columns.length - reasons.size);
    const rows: number[] = [];
    const { time_us, signal_id, value, quality } = columns;
    for (let row = 0; row < columns.length; row++) {
      if (reasons.has(row)) continue;
      appendReading(kept, time_us[row] ?? 0, signal_id[row] ?? 0, value[row] ?? Number.NaN, quality[row] ?? 0);
      rows.push(row);
    }
    const inserted = await insert(connection, kept);
    const outcome = new Uint8Array(columns.length);
    outcome.fill(Outcome.too_old);
    for (const [index, row] of rows.entries()) outcome[row] = inserted.outcome[index] ?? Outcome.stored;
    for (const [index, detail] of inserted.details) reasons.set(rows[index] ?? 0, detail);
    return { outcome, details: reasons };
  };
}
