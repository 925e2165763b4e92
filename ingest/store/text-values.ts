import type { Connection } from '../../core/database.ts';

/**
 * Numbers for texts (orders, product codes). Numbers are kept in memory only after the transaction that made them has
 * committed, because a rolled-back one would leave numbers that nobody knows.
 */
export interface TextValues {
  /** The numbers of `texts`, made where they are new, within the caller's transaction. Texts without room are left out. */
  resolve(connection: Connection, organizationId: number, texts: readonly string[]): Promise<Map<string, number>>;
  /** Keeps what the transaction that has just committed resolved. */
  committed(resolved: ReadonlyMap<string, number>): void;
}

/** A plant has thousands of orders a year; a source that sends random texts must not fill the table. */
const mostTexts = 200_000;
const mostCached = 20_000;

export function createTextValues(): TextValues {
  let cache = new Map<string, number>();
  return {
    async resolve(connection, organizationId, texts) {
      const resolved = new Map<string, number>();
      const unknown: string[] = [];
      for (const text of texts) {
        const number = cache.get(text);
        if (number === undefined) unknown.push(text);
        else resolved.set(text, number);
      }
      if (unknown.length === 0) return resolved;
      const find = async (): Promise<void> => {
        const rows = await connection.query<{ text: string; text_value_id: number }>(
          'select text, text_value_id from text_value where organization_id = $1 and text = any($2::text[])',
          [organizationId, unknown],
        );
        for (const { text, text_value_id } of rows) resolved.set(text, text_value_id);
      };
      await find();
      const missing = unknown.filter((text) => !resolved.has(text));
      if (missing.length === 0) return resolved;
      await connection.execute(
        `insert into text_value (organization_id, text)
         select $1, new_text from unnest($2::text[]) with ordinality as new(new_text, position)
          where (select count(*) from text_value where organization_id = $1) + position <= $3
         on conflict do nothing`,
        [organizationId, missing, mostTexts],
      );
      await find();
      return resolved;
    },
    committed(resolved) {
      if (cache.size > mostCached) cache = new Map();
      for (const [text, number] of resolved) cache.set(text, number);
    },
  };
}
