import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { now } from '../../../core/clock.ts';
import { createTestDatabase, type TestDatabase } from '../../../core/testing/database.ts';
import { readOptions } from '../options.ts';
import { createProgress } from '../progress.ts';
import { backfill } from '../run.ts';
import type { RunState } from '../run-state.ts';
import type { BadCell } from '../sink.ts';

/** What the tests of the back-fill share: a folder for files, a database with two machines, and a way to run the command. */
export interface BackfillStage {
  database: TestDatabase;
  /** Bad cells of the last run. */
  bad: BadCell[];
  /** Writes a file and answers its path. */
  write(name: string, content: string | Buffer): string;
  /** Runs the command line `parameters`; `stopped` is asked before every step. */
  run(parameters: string[], stopped?: () => boolean): Promise<{ state: RunState; already: string | undefined }>;
  stored(): Promise<{ signal: string; time: string; value: number | null; quality: number }[]>;
  books(): Promise<Record<string, number>>;
  /** How many rollup buckets are not what recomputation gives. */
  wrongRollups(): Promise<number>;
}

const dayMs = 86_400_000;
/** A round UTC day, ten days ago, in milliseconds. */
export const stageDay = Math.floor(now() / dayMs) * dayMs - 10 * dayMs;
/** So many seconds into that day, as RFC 3339. */
export const stageTime = (seconds: number): string => new Date(stageDay + seconds * 1000).toISOString();

/** The folder that the files of this test process lie in; the test file removes it. */
export const stageFolder = mkdtempSync(join(tmpdir(), 'millrace-backfill-'));

export async function createBackfillStage(engine: TestDatabase['engine']): Promise<BackfillStage> {
  const database = await createTestDatabase(engine);
  await database.query(
    `with o as (insert into organization (name) values ('millrace') returning organization_id),
            s as (insert into site (organization_id, name, title, time_zone) select organization_id, 'berlin', 'Berlin', 'Europe/Berlin' from o returning *),
            l as (insert into line (organization_id, site_id, name, title) select organization_id, site_id, 'line-01', 'Line 1' from s returning *),
            m as (insert into machine (organization_id, line_id, name, title) select organization_id, line_id, n, n from l, unnest(array['m-001', 'm-002']) n returning *),
            g as (insert into signal (organization_id, machine_id, name, kind, quantity)
                  select organization_id, machine_id, k.name, k.kind, k.name from m,
                         (values ('temperature', 'measurement'), ('pressure', 'measurement'), ('state', 'state'), ('good', 'counter'), ('order', 'order')) k(name, kind)
                  order by m.name, k.name returning *)
       insert into signal_source (organization_id, signal_id, protocol, address)
       select g.organization_id, g.signal_id, 'mqtt', 'old/' || m.name || '/' || g.name from g join m using (machine_id)`,
  );
  const bad: BadCell[] = [];
  return {
    database,
    bad,
    write(name, content) {
      const file = join(stageFolder, `${engine}-${name}`);
      writeFileSync(file, content);
      return file;
    },
    async run(parameters, stopped = () => false) {
      const options = readOptions(parameters);
      if (options === undefined) throw new Error('help was asked for');
      bad.length = 0;
      const progress = createProgress(() => undefined, false);
      return backfill({
        database,
        enterprise: 'millrace',
        options,
        progress,
        clock: now,
        farFutureHours: 24,
        reportBad: (sink) => bad.push(...sink.bad),
        stopped,
      });
    },
    stored: () =>
      database.query(
        `select m.name || '/' || s.name as signal, to_char(time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time, value, quality
           from reading join signal s using (signal_id) join machine m using (machine_id) order by 2, 1`,
      ),
    async books() {
      const [row] = await database.query<Record<string, number>>(
        `select sum(received)::int as received, sum(stored)::int as stored, sum(duplicate)::int as duplicate, sum(conflict)::int as conflict,
                sum(rejected)::int as rejected from ledger join source using (source_id) where protocol = 'file' and name = 'backfill'`,
      );
      return row ?? {};
    },
    async wrongRollups() {
      const [row] = await database.query<{ wrong: number }>(
        `select count(*)::int as wrong from rollup_difference(now() - interval '60 days', now())`,
      );
      return row?.wrong ?? -1;
    },
  };
}
