import type { Connection } from '../../core/database.ts';
import type { FeedCursor } from '../../core/feed.ts';

/** The follower's name in `analytics_cursor` and `analytics_memory`. */
export const follower = 'live';

/** Somebody else moved the cursor: what this process holds in memory is no longer the truth. */
export class CursorMovedError extends Error {
  override readonly name = 'CursorMovedError';
}

/** Position of the follower, and when the newest batch it took was stored. */
export interface Position {
  cursor: FeedCursor;
  stored_at_ms: number | null;
}

/** The position of the last checkpoint; empty before the first. */
export async function readPosition(connection: Connection): Promise<Position> {
  const rows = await connection.query<{ gateway_id: number; sequence: number; stored_at_ms: number | null }>(
    `select gateway_id, sequence, (extract(epoch from stored_at) * 1000)::float8 as stored_at_ms
       from analytics_cursor where follower = $1`,
    [follower],
  );
  const times = rows.flatMap((row) => row.stored_at_ms ?? []);
  return {
    cursor: new Map(rows.map((row) => [row.gateway_id, row.sequence])),
    stored_at_ms: times.length === 0 ? null : Math.max(...times),
  };
}

export async function readMemory(connection: Connection): Promise<Map<string, Buffer>> {
  const rows = await connection.query<{ part: string; memory: Buffer }>(
    'select part, memory from analytics_memory where follower = $1',
    [follower],
  );
  return new Map(rows.map((row) => [row.part, row.memory]));
}

/**
 * Makes this transaction the only one that may move the follower, and makes sure that nobody moved it since `expected`:
 * a job that outlived its lock, or a second analytics process, must not write the same batches twice.
 */
export async function lockPosition(connection: Connection, expected: FeedCursor): Promise<void> {
  await connection.query("select pg_advisory_xact_lock(hashtext('analytics follower'))");
  const { cursor } = await readPosition(connection);
  const same =
    cursor.size === expected.size && [...cursor].every(([gateway, sequence]) => expected.get(gateway) === sequence);
  if (!same) throw new CursorMovedError('Another analytics process moved the feed cursor; this one starts from there.');
}

/** Writes position and memories; the caller's transaction holds the lock. */
export async function writePosition(
  connection: Connection,
  position: Position,
  parts: ReadonlyMap<string, Buffer>,
): Promise<void> {
  await connection.prepared(
    'analytics write cursor',
    `insert into analytics_cursor (follower, gateway_id, sequence, stored_at)
     select $1, gateway_id, sequence, to_timestamp($4::float8 / 1000)
       from unnest($2::int2[], $3::int8[]) as c(gateway_id, sequence)
     on conflict (follower, gateway_id) do update set sequence = excluded.sequence, stored_at = excluded.stored_at`,
    [follower, [...position.cursor.keys()], [...position.cursor.values()], position.stored_at_ms],
  );
  for (const [part, memory] of parts) {
    await connection.prepared(
      'analytics write memory',
      `insert into analytics_memory (follower, part, memory) values ($1, $2, $3)
       on conflict (follower, part) do update set memory = excluded.memory`,
      [follower, part, memory],
    );
  }
}
