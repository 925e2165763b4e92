import type { Check, Finding } from './finding.ts';

/** The oldest release in which the wrong results listed below are all mended. */
const goodTimescale = [2, 29, 2] as const;

/** Engine and versions, and the traps of versions: those that give wrong figures, not those that are merely old. */
export const checkVersions: Check = {
  name: 'engine and versions',
  async run({ connection, engine }) {
    const [server] = await connection.query<{
      number: number;
      version: string;
      timescale: string | null;
      license: string | null;
    }>(
      `select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
              (select extversion from pg_extension where extname = 'timescaledb') as timescale,
              current_setting('timescaledb.license', true) as license`,
    );
    if (server === undefined) return [];
    const findings: Finding[] = [];
    if (engine === 'timescale' && server.timescale !== null) {
      findings.push(...judgeTimescale(server.timescale));
      const jobs = await connection.query<{ job_id: number; view: string }>(
        `select j.job_id, format('%I', a.view_name) as view from timescaledb_information.jobs j
           join timescaledb_information.continuous_aggregates a on j.hypertable_name in (a.materialization_hypertable_name, a.view_name)
          where j.proc_name = 'policy_refresh_continuous_aggregate'`,
      );
      for (const { job_id, view } of jobs) {
        findings.push({
          level: 'danger',
          what: `refresh policy of ${view}`,
          value: `job ${job_id}`,
          recommended: 'none',
          why: 'Millrace refreshes its rollups itself, one at a time. A second, unserialised refresh of one aggregate can lose an invalidation (TimescaleDB issue 10219): the rollup then stays wrong without a word.',
          command: `select remove_continuous_aggregate_policy('${view}');`,
        });
      }
      if (server.license !== 'timescale') {
        findings.push({
          level: 'danger',
          what: 'timescaledb.license',
          value: server.license ?? 'not set',
          recommended: 'timescale',
          why: 'Without the Community features there is no columnstore, no continuous aggregate and no policy: nothing is compressed any more and no rollup is refreshed.',
          command: "alter system set timescaledb.license = 'timescale';  -- then restart the server",
        });
      }
    }
    if (engine === 'postgres' && server.timescale === null) {
      const available = await connection.query("select 1 from pg_available_extensions where name = 'timescaledb'");
      if (available.length > 0) {
        findings.push({
          level: 'advice',
          what: 'engine',
          value: 'plain PostgreSQL, on a server that has TimescaleDB',
          recommended: 'TimescaleDB',
          why: 'Readings take 12 times less disk in its columnstore. The tables of one engine cannot become those of the other; a new database and a back-fill can.',
          command: 'createdb millrace2 && DATABASE_URL=…/millrace2 STORAGE=timescale npm run migrate',
        });
      }
    }
    if (server.number < 160_000) {
      findings.push({
        level: 'advice',
        what: 'PostgreSQL',
        value: server.version,
        recommended: '17 or 18',
        why: 'TimescaleDB ended its support of 15 with 2.28, so that corrections of wrong results do not reach this server.',
        command: 'pg_upgrade, or a dump into the version of docker-compose.yml (docs/production.md)',
      });
    }
    return findings;
  },
};

/** The traps of one TimescaleDB version. */
export function judgeTimescale(version: string): Finding[] {
  const parts = version.split(/[.-]/).map(Number);
  const older = goodTimescale.findIndex((part, index) => part !== (parts[index] ?? 0));
  if (older < 0 || (parts[older] ?? 0) > (goodTimescale[older] ?? 0)) return [];
  const is228 = parts[0] === 2 && parts[1] === 28;
  return [
    {
      level: is228 ? 'advice' : 'danger',
      what: 'TimescaleDB',
      value: version,
      recommended: `${goodTimescale.join('.')} or newer`,
      why: is228
        ? 'A refresh by hand on 2.28 misses a bucket on whose start an invalidation ends (issue 10221); Millrace works around it (buckets_per_batch 0), other tools that refresh do not. SkipScan over compressed chunks can leave out rows that are not compressed yet (issue 10423, mended in 2.29.2).'
        : 'SkipScan over compressed chunks can leave out rows that are not compressed yet (issue 10423), and concurrent refreshes of one aggregate can lose an invalidation (issue 10219).',
      command:
        'alter extension timescaledb update;  -- after installing the newer package; 2.29 and later need PostgreSQL 16 to 18',
    },
  ];
}
