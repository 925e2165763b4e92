import type { BenchDatabase } from './bench-database.ts';
import { checksumSql } from './workload.ts';

/** What must hold before a figure counts. Each answers the reasons why it does not. */

/** Rows and checksum in the database, of some signals or of all, equal what the publisher says that it sent. */
export async function gateRows(
  { database }: BenchDatabase,
  sent: { readings: number; checksum: string },
  fromMs: number,
  toMs: number,
  signalIds?: readonly number[],
): Promise<string[]> {
  const [stored] = await database.query<{ rows: number; checksum: string }>(
    `select count(*)::float8 as rows, ${checksumSql} as checksum from reading
      where time >= to_timestamp($1::float8 / 1000) and time <= to_timestamp($2::float8 / 1000)
        and ($3::int[] is null or signal_id = any($3))`,
    [fromMs, toMs, signalIds ?? null],
  );
  if (stored?.rows !== sent.readings) {
    return [`${sent.readings} readings were sent, ${stored?.rows} are stored; ${await describeBooks(database)}`];
  }
  return stored.checksum === sent.checksum
    ? []
    : [`the checksum of what is stored (${stored.checksum}) is not the publisher's (${sent.checksum})`];
}

/** What the books say of the run, for the reason of a refusal: where readings have gone. */
async function describeBooks(database: BenchDatabase['database']): Promise<string> {
  const [books] = await database.query<{ text: string }>(
    `select format('the books say: received %s, stored %s, duplicate %s, rejected %s, parked %s, dropped %s, lost upstream %s',
                   sum(received), sum(stored), sum(duplicate), sum(rejected), sum(parked), sum(dropped), sum(lost_upstream)) as text from ledger`,
  );
  const reasons = await database.query<{ text: string }>(
    `select format('%s × %s', count(*), reason) as text from rejected_reading group by reason order by count(*) desc limit 3`,
  );
  return [books?.text ?? '', ...reasons.map(({ text }) => text)].join('; ');
}

/** Rollups equal what is computed anew from the readings. */
export async function gateRollups({ database }: BenchDatabase, fromMs: number, toMs: number): Promise<string[]> {
  const range = [fromMs, toMs];
  const times = 'to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000)';
  await database.withConnection((connection) => connection.query(`call refresh_rollups(${times})`, range));
  const [wrong] = await database.query<{ wrong: number; buckets: number }>(
    `select (select count(*)::int from rollup_difference(${times})) as wrong,
            (select count(*)::int from reading_1m where bucket >= date_trunc('minute', to_timestamp($1::float8 / 1000)) and bucket <= to_timestamp($2::float8 / 1000)) as buckets`,
    range,
  );
  if (wrong?.wrong !== 0) return [`${wrong?.wrong} rollup buckets differ from what the readings give`];
  return (wrong.buckets ?? 0) > 0 ? [] : ['there are no rollups to compare'];
}

/** The plan nodes that the latest values and a signal's range rely on. */
export async function gatePlans({ database, engine }: BenchDatabase): Promise<string[]> {
  const plan = async (query: string): Promise<string> =>
    JSON.stringify(await database.query(`explain (format json) ${query}`));
  const wrong: string[] = [];
  // What autovacuum does within a minute: a planner without statistics may take a full table for an empty one.
  await database.query('analyze reading');
  const range = await plan(
    "select * from reading where signal_id = 1 and time >= now() - interval '1 hour' order by time desc limit 100",
  );
  if (!/Index Scan|Index Only Scan|ColumnarScan|Bitmap/.test(range))
    wrong.push("a signal's range is read without an index");
  if (engine === 'timescale') {
    const latest = await plan(
      'select distinct on (signal_id) signal_id, time, value from reading order by signal_id, time desc',
    );
    if (!latest.includes('SkipScan')) wrong.push('the latest value of every signal is found without SkipScan');
  }
  return wrong;
}

/** Readings that come again are counted as duplicates, and nothing is stored twice. */
export async function gateDuplicates(
  { database }: BenchDatabase,
  before: number,
  sentAgain: number,
): Promise<string[]> {
  const [now] = await database.query<{ rows: number; duplicates: number; conflicts: number }>(
    `select (select count(*)::float8 from reading) as rows, coalesce(sum(duplicate), 0)::float8 as duplicates, coalesce(sum(conflict), 0)::float8 as conflicts from ledger`,
  );
  const wrong: string[] = [];
  if (now?.rows !== before)
    wrong.push(`${sentAgain} readings were sent again, and there are ${(now?.rows ?? 0) - before} more rows`);
  if (now?.duplicates !== sentAgain)
    wrong.push(`${sentAgain} readings were sent again, and ${now?.duplicates} are counted as duplicates`);
  return wrong;
}
