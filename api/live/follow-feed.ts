import type { Connection } from '../../core/database.ts';
import { feedEnd, readFeed, type FeedCursor } from '../../core/feed.ts';
import type { ReadingColumns } from '../../core/reading-columns.ts';

/** Follows the feed of stored batches for the live stream, from the moment `start` was called. */
export interface FeedFollower {
  start(connection: Connection): Promise<void>;
  stop(): void;
  readonly started: boolean;
  /** Hands over every batch stored since the last call, in order. */
  readOn(connection: Connection, take: (readings: ReadingColumns, liveRows: number) => void): Promise<void>;
  /** When the newest batch seen was stored, in database milliseconds; null: none yet. */
  storedAtMs(): number | null;
}

/** Batches of one gateway read at once. At 4 batches a second and a gateway this is several seconds' worth. */
const batchesAtOnce = 50;

export function createFeedFollower(): FeedFollower {
  let cursor: FeedCursor | undefined;
  let storedAtMs: number | null = null;
  return {
    async start(connection) {
      cursor = await feedEnd(connection);
      // Asked for anew: since the last client left, batches were stored that nobody here has seen.
      const [newest] = await connection.query<{ at: number | null }>(
        'select (extract(epoch from max(stored_at)) * 1000)::float8 as at from reading_batch',
      );
      storedAtMs = newest?.at ?? null;
    },
    stop() {
      cursor = undefined;
    },
    get started() {
      return cursor !== undefined;
    },
    storedAtMs: () => storedAtMs,
    async readOn(connection, take) {
      for (;;) {
        const position = cursor;
        if (position === undefined) return;
        const batches = await readFeed(connection, position, batchesAtOnce);
        const ofGateway = new Map<number, number>();
        for (const batch of batches) {
          take(batch.readings, batch.live_rows);
          position.set(batch.gateway_id, batch.sequence);
          storedAtMs = Math.max(storedAtMs ?? 0, batch.stored_at_ms);
          ofGateway.set(batch.gateway_id, (ofGateway.get(batch.gateway_id) ?? 0) + 1);
        }
        if (![...ofGateway.values()].includes(batchesAtOnce)) return;
      }
    },
  };
}
