import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Reading } from '../schemas/reading.ts';
import { toFinite, toRfc3339 } from './row.ts';
import { toQualityName } from './signals.ts';

/** Raw readings of one signal in [from, to), oldest first; undefined when there is no such signal. */
export async function listReadings(
  connection: Connection,
  signalId: number,
  query: { limit: number; cursor?: string | undefined; from?: string | undefined; to?: string | undefined },
): Promise<{ items: Reading[]; next: string | null } | undefined> {
  const [signal] = await connection.query<{ kind: string }>('select kind from signal where signal_id = $1', [signalId]);
  if (signal === undefined) return undefined;
  // (signal, time) is unique, so the time of the last row is the whole key; the next page begins a microsecond later.
  const after = decodeCursor(query.cursor, 'readings', ['time'])?.[0];
  const rows = await connection.query<{ time: string; value: number | null; text: string | null; quality: number }>(
    `select r.time, r.value, ${signal.kind === 'order' ? 'x.text' : 'null'} as text, r.quality
       from visible_reading_page($1, greatest($2::timestamptz, $3::timestamptz + interval '1 microsecond'), $4, false, $5) r
       ${signal.kind === 'order' ? 'left join text_value x on x.text_value_id = case when r.value between 1 and 2147483647 then r.value::int end' : ''}
      order by r.time`,
    [signalId, query.from ?? '-infinity', after ?? null, query.to ?? 'infinity', query.limit + 1],
  );
  const page = toPage(rows, query.limit, 'readings', (row) => [row.time]);
  const items = page.items.map((row) => ({
    time: toRfc3339(row.time),
    value: toFinite(row.value),
    text: row.text,
    quality: toQualityName(row.quality),
  }));
  return { items, next: page.next };
}
