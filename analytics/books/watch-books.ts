import type { Database } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';
import { checkBooks } from './check-books.ts';
import { checkGateways } from './check-gateways.ts';

const everyMs = 30_000;

/** Checks the books and what the gateways say now and every 30 s, so that what is wrong is an alarm within a minute. */
export function watchBooks(database: Database, log: Log): { close(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  function check(): void {
    running = running
      .then(async () => {
        const unbalanced = await checkBooks(database);
        await checkGateways(database);
        if (unbalanced > 0) log.error({ unbalanced }, 'the books of some sources do not balance; see the alarms');
      })
      .catch((error: unknown) => log.warn({ error }, 'the books could not be checked; tried again in 30 s'));
  }
  check();
  const timer = setInterval(check, everyMs);
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
