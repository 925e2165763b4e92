import type { Connection } from '../../core/database.ts';
import type { Part } from '../store/batch.ts';
import { epochTime, numberArray, timeArray } from '../store/sql-arrays.ts';

/** The rows of `source`, by protocol and name. Kept in memory after commit; forgotten when one turns out to be gone. */
export interface SourceIds {
  /** The source row of each part, made where it is new, within the caller's transaction. */
  resolve(
    connection: Connection,
    organizationId: number,
    parts: readonly Pick<Part, 'protocol' | 'name'>[],
  ): Promise<(part: Pick<Part, 'protocol' | 'name'>) => number>;
  committed(): void;
  forget(): void;
}

export function createSourceIds(): SourceIds {
  const known = new Map<string, number>();
  let fresh = new Map<string, number>();
  return {
    async resolve(connection, organizationId, parts) {
      fresh = new Map();
      const unknown = parts.filter((part) => !known.has(keyOf(part)));
      if (unknown.length > 0) {
        const protocols = unknown.map(({ protocol }) => protocol);
        const names = unknown.map(({ name }) => name);
        await connection.execute(
          `insert into source (organization_id, protocol, name) select distinct $1::int, * from unnest($2::text[], $3::text[])
           on conflict do nothing`,
          [organizationId, protocols, names],
        );
        const rows = await connection.query<Pick<Part, 'protocol' | 'name'> & { source_id: number }>(
          `select protocol, name, source_id from source join unnest($2::text[], $3::text[]) as n(protocol, name) using (protocol, name)
            where organization_id = $1`,
          [organizationId, protocols, names],
        );
        for (const row of rows) fresh.set(keyOf(row), row.source_id);
      }
      return (part) => {
        const id = known.get(keyOf(part)) ?? fresh.get(keyOf(part));
        if (id === undefined) throw new Error(`The source ${part.protocol} "${part.name}" was neither found nor made.`);
        return id;
      };
    },
    committed() {
      for (const [key, id] of fresh) known.set(key, id);
      fresh = new Map();
    },
    forget() {
      known.clear();
      fresh.clear();
    },
  };
}

/** Adds the batch's counts to the books. In the batch's own transaction, so that the books can never differ from the rows. */
export async function writeLedger(
  connection: Connection,
  organizationId: number,
  parts: readonly Part[],
  sourceId: (part: Part) => number,
): Promise<void> {
  if (parts.length === 0) return;
  // In one order everywhere, so that two gateways cannot lock each other.
  const rows = parts
    .map((part) => ({ part, source_id: sourceId(part) }))
    .sort((left, right) => left.source_id - right.source_id || left.part.minute_ms - right.part.minute_ms);
  await connection.prepared('ledger', upsert, [
    organizationId,
    numberArray(rows.map(({ source_id }) => source_id)),
    timeArray(rows.map(({ part }) => part.minute_ms * 1000)),
    ...counts.map((count) => numberArray(rows.map(({ part }) => part[count]))),
  ]);
}

const counts = [
  'received',
  'stored',
  'duplicate',
  'conflict',
  'rejected',
  'parked',
  'dropped',
  'lost_upstream',
  'late',
  'from_future',
  'untimed',
] as const satisfies (keyof Part)[];

const upsert = `
  insert into ledger as l (organization_id, source_id, minute, ${counts.join(', ')})
  select $1, n.source_id, ${epochTime('n.minute_us')}, ${counts.map((count) => `n.${count}`).join(', ')}
    from unnest($2::int4[], $3::int8[], ${counts.map((_, index) => `$${index + 4}::int8[]`).join(', ')})
         as n(source_id, minute_us, ${counts.join(', ')})
  on conflict (source_id, minute) do update
     set ${counts.map((count) => `${count} = l.${count} + excluded.${count}`).join(', ')}`;

const keyOf = ({ protocol, name }: Pick<Part, 'protocol' | 'name'>): string => `${protocol}\t${name}`;
