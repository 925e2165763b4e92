import type { Connection } from './database.ts';
import {
  appendColumns,
  decodeColumns,
  encodeColumnsInto,
  encodedBytes,
  type ReadingColumns,
} from './reading-columns.ts';

/**
 * The feed: every stored batch once more, in commit order per gateway, as one compressed-free column buffer
 * (`reading_batch.payload`), written in the same transaction as the readings. Analytics and the live page follow it
 * with a cursor, so each reading reaches them exactly once and late readings are as visible as punctual ones, without
 * an index scan over `reading`. The feed is kept for an hour; whoever falls further behind starts from `reading`.
 */
export interface FeedBatch {
  gateway_id: number;
  sequence: number;
  /** When the batch was committed, in milliseconds by the database's clock. */
  stored_at_ms: number;
  readings: ReadingColumns;
  /**
   * How many rows from the start are live. The rows behind them are store-and-forward or back-filled data: stored and
   * good for every figure of the past, never for the live picture or an alarm.
   */
  live_rows: number;
}

/** The position after which a follower wants to read on: the last sequence seen of each gateway. */
export type FeedCursor = Map<number, number>;

/** NOTIFY channel rung at every commit of a batch. */
export const feedChannel = 'reading_batch';

/** The next batches after `cursor`, oldest first per gateway; advances nothing. At most `limit` batches a gateway. */
export async function readFeed(connection: Connection, cursor: FeedCursor, limit = 50): Promise<FeedBatch[]> {
  const rows = await connection.query<{ gateway_id: number; sequence: number; stored_at_ms: number; payload: Buffer }>(
    `select b.gateway_id, b.sequence, (extract(epoch from b.stored_at) * 1000)::float8 as stored_at_ms, b.payload
       from gateway g
       left join unnest($1::int2[], $2::int8[]) as seen(gateway_id, sequence) using (gateway_id)
      cross join lateral (
            select * from reading_batch b
             where b.gateway_id = g.gateway_id and b.sequence > coalesce(seen.sequence, 0)
             order by b.sequence limit $3) b
      order by b.gateway_id, b.sequence`,
    [[...cursor.keys()], [...cursor.values()], limit],
  );
  return rows.map(({ payload, ...row }) => ({ ...row, ...decodeFeedPayload(payload) }));
}

/** The cursor at the feed's present end: a follower that starts here sees only what comes from now on. */
export async function feedEnd(connection: Connection): Promise<FeedCursor> {
  const rows = await connection.query<{ gateway_id: number; last_sequence: number }>(
    'select gateway_id, last_sequence from gateway',
  );
  return new Map(rows.map((row) => [row.gateway_id, row.last_sequence]));
}

/** The payload of a batch: the live rows as one block of columns and, where there are any, the historical ones as another. */
export function encodeFeedPayload(live: ReadingColumns, historical: ReadingColumns): Buffer {
  const historicalBytes = historical.length === 0 ? 0 : encodedBytes(historical.length);
  const payload = Buffer.allocUnsafe(encodedBytes(live.length) + historicalBytes);
  const offset = encodeColumnsInto(live, payload, 0);
  if (historicalBytes > 0) encodeColumnsInto(historical, payload, offset);
  return payload;
}

/** The rows of a payload, live ones first. Throws on a foreign form. */
export function decodeFeedPayload(payload: Uint8Array): { readings: ReadingColumns; live_rows: number } {
  const rows = payload.length < 8 ? 0 : Buffer.from(payload.buffer, payload.byteOffset, 8).readUInt32LE(4);
  const readings = decodeColumns(payload.subarray(0, encodedBytes(rows)));
  const live_rows = readings.length;
  if (payload.length > encodedBytes(rows)) appendColumns(readings, decodeColumns(payload.subarray(encodedBytes(rows))));
  return { readings, live_rows };
}
