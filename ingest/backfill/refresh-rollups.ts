import { epochTime } from '../store/sql-arrays.ts';
import { noteMachines } from './books.ts';
import { writeRun } from './run-state.ts';
import type { Run } from './run.ts';

/** Readings that one refresh may cover: rollups of live readings wait for it, some 10 s at most. */
const rowsPerRefresh = 5_000_000;
const hourUs = 3_600_000_000;

/**
 * Refreshes exactly the touched part of each touched day, in steps of whole hours. Not trusting what is there
 * (repair_rollups), because attached rows are not all in the continuous aggregates' own log.
 */
export async function refreshRollups(run: Run): Promise<void> {
  const { database, state, progress } = run;
  const days = Object.entries(state.days).sort(([left], [right]) => Number(left) - Number(right));
  let rows = 0;
  for (const [index, [day, touched]] of days.entries()) {
    if (!state.rolled_up.includes(day)) {
      const hours = Math.min(24, Math.max(1, Math.floor((24 * rowsPerRefresh) / Math.max(1, touched.rows))));
      for (let from = touched.from_us; from <= touched.to_us; from = (Math.floor(from / hourUs) + hours) * hourUs) {
        run.throwIfStopped();
        const to = Math.min(touched.to_us, (Math.floor(from / hourUs) + hours) * hourUs - 1);
        // Outside of a transaction, because TimescaleDB refreshes in transactions of its own.
        await database.withConnection((connection) =>
          connection.query(`call repair_rollups(${timestamp(from)}, ${timestamp(to)})`),
        );
      }
      await database.withTransaction(async (connection) => {
        await noteMachines(connection, touched.from_us, touched.to_us, touched.machine_ids);
        state.rolled_up.push(day);
        await writeRun(connection, run.key, state);
      });
    }
    rows += touched.rows;
    progress.update((index + 1) / days.length, `${index + 1} of ${days.length} days`, rows);
  }
}

const timestamp = (us: number): string => epochTime(`'${us}'::int8`);
