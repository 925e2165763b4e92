import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { environmentWith } from '../core/settings.ts';
import { createTestDatabase, testEngines, type TestDatabase } from '../core/testing/database.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { hasMosquitto, startMosquitto } from '../core/testing/mosquitto.ts';
import { runIngest } from './testing/run-ingest.ts';

// Recorded input of real machines, through a stock broker, into the tables: what the file says is what the table says.
const root = join(import.meta.dirname, '..');
const data = join(root, '../shared/data');
const skab = globSync(join(data, 'skab/valve1/*.csv')).toSorted();
const nab = [
  'realTraffic/TravelTime_387.csv',
  'realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv',
  'realTweets/Twitter_volume_AMZN.csv',
]
  .map((file) => join(data, 'nab/data', file))
  .filter((file) => existsSync(file));
const missing = [
  hasMosquitto ? '' : 'mosquitto is not installed',
  skab.length > 0 && nab.length > 0 ? '' : 'the recordings are not here',
].filter((reason) => reason !== '');
const note = missing.length > 0 ? ` (skipped: ${missing.join('; ')})` : '';
const run = promisify(execFile);

/** What a file holds: `column<tab>time in ms` → value. Read here by hand, so that it shares no code with the replay. */
function contents(file: string, separator: string): Map<string, number> {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/);
  const names = header.split(separator).map((name) => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_'));
  const found = new Map<string, number>();
  for (const line of lines) {
    const cells = line.split(separator);
    const ms = Date.parse(`${(cells[0] ?? '').replace(' ', 'T')}Z`);
    // The table keeps the first value of a time that a recording has twice; the books call the second a duplicate.
    for (let column = 1; column < cells.length; column++) {
      const key = `${names[column]}\t${ms}`;
      if (!found.has(key)) found.set(key, Number(cells[column]));
    }
  }
  return found;
}

async function stored(database: TestDatabase, machine: string): Promise<Map<string, number>> {
  const rows = await database.query<{ name: string; ms: number; value: number; quality: number }>(
    `select s.name, (extract(epoch from r.time) * 1000)::float8 as ms, r.value, r.quality
       from reading r join signal s using (signal_id) join machine m using (machine_id) where m.name = $1`,
    [machine],
  );
  expect(rows.every((row) => row.quality === 192)).toBe(true);
  return new Map(rows.map((row) => [`${row.name}\t${row.ms}`, row.value]));
}

/** What says where readings are that are not stored: the books, the gateway's state, and what the database does. */
async function whereItIs(database: TestDatabase): Promise<string> {
  const [state] = await database.query(
    `select (select json_agg(b) from (select protocol, sum(received) as received, sum(stored) as stored, sum(duplicate) as duplicate,
               sum(rejected) as rejected, sum(parked) as parked, sum(dropped) as dropped
               from ledger join source using (source_id) group by 1) b) as books,
            (select json_agg(g) from gateway g) as gateway,
            (select json_agg(a) from (select state, wait_event, left(query, 100) as query, now() - query_start as since
               from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) a) as activity`,
  );
  return JSON.stringify(state);
}

for (const engine of testEngines()) {
  test.skipIf(missing.length > 0)(
    `recordings replayed through mosquitto stand in ${engine} to the last digit${note}`,
    async () => {
      const database = await createTestDatabase(engine);
      const broker = await startMosquitto();
      const dataDir = mkdtempSync(join(tmpdir(), 'millrace-real-input-'));
      const environment = { DATABASE_URL: database.url, MQTT_URL: broker.url, DATA_DIR: dataDir };
      const ingest = await runIngest(environment);
      try {
        const machines: { name: string; separator: string; files: string[] }[] = [
          { name: 'valve1', separator: ';', files: skab },
          ...nab.map((file) => ({
            name: basename(file, '.csv').toLowerCase().replaceAll('_', '-'),
            separator: ',',
            files: [file],
          })),
        ];
        for (const { name, files } of machines) {
          const parameters = [
            'simulators/replay/main.ts',
            ...files,
            '--topic-prefix',
            `millrace/lab/recorded/${name}`,
            '--register',
          ];
          const { stdout } = await run(process.execPath, parameters, {
            cwd: root,
            env: environmentWith(environment) as NodeJS.ProcessEnv,
          });
          expect(stdout).toMatch(/readings sent/);
        }
        for (const { name, separator, files } of machines) {
          const expected = new Map(files.flatMap((file) => [...contents(file, separator)]));
          await waitUntil(
            `${name} is stored whole`,
            async () => {
              const [row] = await database.query<{ n: number }>(
                'select count(*) as n from reading join signal using (signal_id) join machine m using (machine_id) where m.name = $1',
                [name],
              );
              if (row?.n === expected.size) return true;
              throw new Error(
                `${row?.n} of ${expected.size}; ${await whereItIs(database)}; ingest said: ${ingest.output()}`,
              );
            },
            { limitMs: 150_000, everyMs: 200 },
          );
          const found = await stored(database, name);
          const different = [...expected].filter(([key, value]) => found.get(key) !== value);
          expect(different.slice(0, 5)).toEqual([]);
        }
        const [books] = await database.query<{ received: number; ended: number; rejected: number; parked: number }>(
          `select sum(received) as received, sum(stored + duplicate + rejected + parked + dropped) as ended,
                sum(rejected) as rejected, sum(parked) as parked from ledger`,
        );
        expect(books).toMatchObject({ received: books?.ended, rejected: 0, parked: 0 });
      } finally {
        await ingest.stop('SIGTERM');
        await broker.stop();
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
    300_000,
  );
}
