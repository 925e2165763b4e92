import type { Database } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';
import { replayIsWanted } from '../store/replay.ts';

/** Rung when somebody asked for rejected readings to be tried once more. */
const replayChannel = 'rejected_replay';

/**
 * Orders a replay through the journal whenever one was asked for, and at the start for what was asked meanwhile. Ordering
 * once too often is harmless: the store takes only the rows that still wait.
 */
export function followReplays(options: { database: Database; organizationId: number; log: Log; replay: () => void }): {
  close(): Promise<void>;
} {
  const closing = new AbortController();
  const ring = (): void => {
    replayIsWanted(options.database, options.organizationId)
      .then((wanted) => {
        if (wanted && !closing.signal.aborted) options.replay();
      })
      .catch((error: unknown) =>
        options.log.warn(
          { error },
          'could not look for rejected readings to replay; the next ring or start looks again',
        ),
      );
  };
  const listening = options.database.listen(replayChannel, ring, closing.signal);
  return {
    async close() {
      closing.abort();
      await listening;
    },
  };
}
