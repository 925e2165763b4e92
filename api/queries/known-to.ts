import type { Connection } from '../../core/database.ts';

/** When the newest batch that analytics has taken was stored, in milliseconds; null: it never took one. */
export async function readKnownTo(connection: Connection): Promise<number | null> {
  const [row] = await connection.query<{ at: number | null }>(
    'select (extract(epoch from max(stored_at)) * 1000)::float8 as at from analytics_cursor',
  );
  return row?.at ?? null;
}
