import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Reading } from '../schemas/reading.ts';
import { conditions, toFinite, toRfc3339 } from './row.ts';
import { toQualityName } from './signals.ts';

/** Raw readings of one signal in [from, to), oldest first; undefined when there is no such signal. */
export async function listReadings(
  connection: Connection,
  signalId: number,
  query: { limit: number; cursor?: string | undefined; from?: string | undefined; to?: string | undefined },
): Promise<{ items: Reading[]; next: string | null } | undefined> {
  const [signal] = await connection.query<{ kind: string }>('select kind from signal where signal_id = $1', [signalId]);
  if (signal === undefined) return undefined;
  const where = conditions();
  where.add('r.signal_id = ?', signalId);
  where.add('r.time >= ?', query.from);
  where.add('r.time < ?', query.to);
  // (signal, time) is unique, so the time of the last row is the whole key.
  where.add('r.time > ?', decodeCursor(query.cursor, ['string'])?.[0]);
  const text =
    signal.kind === 'order'
      ? 'left join text_value x on x.text_value_id = case when r.value between 1 and 2147483647 then r.value::int end'
      : '';
  const rows = await connection.query<{ time: string; value: number | null; text: string | null; quality: number }>(
    `select r.time, r.value, ${text === '' ? 'null' : 'x.text'} as text, r.quality
       from visible_reading r ${text} ${where.toSql()} order by r.time limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, (row) => [row.time]);
  const items = page.items.map((row) => ({
    time: toRfc3339(row.time),
    value: toFinite(row.value),
    text: row.text,
    quality: toQualityName(row.quality),
  }));
  return { items, next: page.next };
}
