import { now } from '../../core/clock.ts';
import { decodeFeedPayload, feedChannel } from '../../core/feed.ts';
import type { BenchDatabase } from './bench-database.ts';

/** When the bench saw that batches up to a sequence were committed. */
export interface Commit {
  sequence: number;
  at_ms: number;
}

export interface CommitWatch {
  /** The last sequence before the watch began. */
  after: number;
  commits: readonly Commit[];
  /** Looks once more, and ends the watch. */
  stop(): Promise<void>;
}

/**
 * Notes when batches of ingest are committed, by listening: NOTIFY comes after COMMIT, and the gateway's sequence read then
 * names every batch that is in.
 */
export async function watchCommits({ database }: Pick<BenchDatabase, 'database'>): Promise<CommitWatch> {
  const commits: Commit[] = [];
  const listening = new AbortController();
  const readSequence = async (): Promise<number> => {
    const [gateway] = await database.query<{ sequence: number }>(
      'select coalesce(max(last_sequence), 0)::float8 as sequence from gateway where gateway_id = 1',
    );
    return gateway?.sequence ?? 0;
  };
  const look = async (): Promise<void> => {
    commits.push({ sequence: await readSequence(), at_ms: now() });
  };
  const after = await readSequence();
  const ended = database.listen(feedChannel, () => void look().catch(() => undefined), listening.signal);
  return {
    after,
    commits,
    async stop() {
      await look();
      listening.abort();
      await ended;
    },
  };
}

/**
 * Calls `take` with the time from source time to commit of readings since the watch began: of at most `batches` batches,
 * evenly chosen, about `rows` of each.
 */
export async function eachLag(
  { database }: Pick<BenchDatabase, 'database'>,
  { after, commits }: CommitWatch,
  most: { batches: number; rows: number },
  take: (lagMs: number, signalId: number) => void,
): Promise<void> {
  const batches = await database.query<{ sequence: number; payload: Buffer }>(
    `select sequence::float8 as sequence, payload from reading_batch
      where sequence > $1 and sequence % greatest(1, (select count(*) / $2::int from reading_batch where sequence > $1)) = 0 order by sequence`,
    [after, most.batches],
  );
  for (const { sequence, payload } of batches) {
    const committed = commits.find((commit) => commit.sequence >= sequence)?.at_ms;
    if (committed === undefined) continue;
    const { readings, live_rows } = decodeFeedPayload(payload);
    const step = Math.max(1, Math.floor(live_rows / most.rows));
    for (let row = 0; row < live_rows; row += step)
      take(committed - (readings.time_us[row] ?? 0) / 1000, readings.signal_id[row] ?? 0);
  }
}
