import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Ledger, LedgerCounts, LedgerRow } from '../schemas/ledger.ts';
import { conditions, toRfc3339 } from './row.ts';

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
] as const;
const countSums = counts.map((name) => `coalesce(sum(b.${name}), 0)::int8 as ${name}`).join(', ');

export type SourceSums = Ledger['sources'][number];

/** The books by source and minute or hour of receipt in [from, to), newest first. */
export async function listLedger(
  connection: Connection,
  query: {
    from: string;
    to: string;
    source?: number | undefined;
    per: 'minute' | 'hour';
    limit: number;
    cursor?: string | undefined;
  },
): Promise<{ items: LedgerRow[]; next: string | null }> {
  const where = conditions();
  where.add('b.minute >= ?', query.from);
  where.add('b.minute < ?', query.to);
  where.add('b.source_id = ?', query.source);
  const after = decodeCursor(query.cursor, 'ledger', ['time', 'number']);
  const behind =
    after === undefined
      ? ''
      : `where (started_at, -source_id) < (${after.map((part) => where.parameter(part)).join(', ')})`;
  const rows = await connection.query<LedgerRow>(
    `select * from (
       select date_trunc('${query.per}', b.minute, 'UTC') as started_at, b.source_id, s.name as source_name, s.protocol, ${countSums}
         from ledger b join source s using (source_id) ${where.toSql()}
        group by 1, 2, 3, 4) u ${behind}
     order by started_at desc, source_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'ledger', (row) => [row.started_at, -row.source_id]);
  return { items: page.items.map((row) => ({ ...row, started_at: toRfc3339(row.started_at) })), next: page.next };
}

/** The sums of the asked range. */
export async function readLedgerTotals(
  connection: Connection,
  query: { from: string; to: string; source?: number | undefined },
): Promise<LedgerCounts> {
  const where = conditions();
  where.add('b.minute >= ?', query.from);
  where.add('b.minute < ?', query.to);
  where.add('b.source_id = ?', query.source);
  const [row] = await connection.query<LedgerCounts>(
    `select ${countSums} from ledger b ${where.toSql()}`,
    where.parameters,
  );
  if (row === undefined) throw new Error('An aggregate without groups answered no row.');
  return row;
}

/**
 * What the balance is made of: the sums of each source and what the gateways hold in their journals, in one statement,
 * so that both are of the same moment.
 */
export async function readBalance(
  connection: Connection,
  days: number,
): Promise<{ sources: SourceSums[]; inJournal: number }> {
  const rows = await connection.query<SourceSums & { in_journal: number }>(
    `select s.source_id, s.name as source_name, s.protocol, ${countSums},
            (select coalesce(sum(journal_readings), 0)::int8 from gateway) as in_journal
       from source s left join ledger b on b.source_id = s.source_id and b.minute >= now() - make_interval(days => $1)
      group by s.source_id order by s.source_id`,
    [days],
  );
  const inJournal = rows[0]?.in_journal ?? 0;
  return { sources: rows, inJournal };
}
