import { totalmem } from 'node:os';
import type { Clock } from '../clock.ts';
import type { Connection } from '../database.ts';
import { checkFlow } from './check-flow.ts';
import { createQueueCheck } from './check-queues.ts';
import { checkReadings } from './check-readings.ts';
import { createServerCheck } from './check-server.ts';
import { checkSettings } from './check-settings.ts';
import { checkVersions } from './check-versions.ts';
import type { Finding, Patient } from './finding.ts';

export interface ExamineOptions {
  connection: Connection;
  clock: Clock;
  databaseUrl: string;
  redisUrl: string | undefined;
  dataDir: string;
  minFreeBytes: number;
}

export interface Examination {
  /** What was looked at, in order, with what was found there. */
  subjects: { name: string; findings: Finding[] }[];
  facts: Record<string, string>;
}

/** Looks at everything and changes nothing. Throws only when the database itself cannot be asked. */
export async function examine(options: ExamineOptions): Promise<Examination> {
  const patient = await meetPatient(options);
  const checks = [
    checkVersions,
    checkSettings,
    checkReadings,
    checkFlow,
    createQueueCheck(options.redisUrl),
    createServerCheck({ dataDir: options.dataDir, minFreeBytes: options.minFreeBytes }),
  ];
  const subjects = [];
  for (const check of checks) subjects.push({ name: check.name, findings: await check.run(patient) });
  const [facts] = await options.connection.query<{ version: string; timescale: string | null; size: string }>(
    `select current_setting('server_version') as version, (select extversion from pg_extension where extname = 'timescaledb') as timescale,
            pg_size_pretty(pg_database_size(current_database())) as size`,
  );
  return {
    subjects,
    facts: {
      engine:
        patient.engine === 'timescale'
          ? `TimescaleDB ${facts?.timescale} on PostgreSQL ${facts?.version}`
          : `PostgreSQL ${facts?.version}`,
      size: facts?.size ?? '',
      rate: `${patient.readings_per_second.toFixed(1)} readings/s in the last hour`,
    },
  };
}

async function meetPatient({ connection, clock, databaseUrl }: ExamineOptions): Promise<Patient> {
  const [engine] = await connection.query<{ engine: 'postgres' | 'timescale' }>(
    'select engine from schema_migration order by number limit 1',
  );
  const [rate] = await connection.query<{ rate: number }>(
    `select coalesce(sum(stored), 0)::float8 / 3600 as rate from ledger where minute >= date_trunc('minute', now()) - interval '1 hour'`,
  );
  const rows = await connection.query<{ name: string; setting: string; unit: string | null }>(
    'select name, setting, unit from pg_settings',
  );
  const settings = new Map(rows.map(({ name, setting, unit }) => [name, inUnits(setting, unit)]));
  const host = new URL(databaseUrl).hostname;
  return {
    connection,
    clock,
    engine: engine?.engine ?? 'postgres',
    readings_per_second: rate?.rate ?? 0,
    memory_bytes: ['127.0.0.1', 'localhost', '::1', '[::1]', ''].includes(host) ? totalmem() : undefined,
    setting: (name) => settings.get(name),
  };
}

/** pg_settings gives a number in its own unit: bytes, seconds, or a plain number come out of it. */
function inUnits(setting: string, unit: string | null): number | string {
  if (unit === null) return /^-?\d+(\.\d+)?$/.test(setting) ? Number(setting) : setting;
  const [, amount = '1', name = ''] = /^(\d*)(\D+)$/.exec(unit) ?? [];
  const factor =
    { B: 1, kB: 1024, MB: 2 ** 20, GB: 2 ** 30, us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86_400 }[name] ?? 1;
  return Number(setting) * factor * (amount === '' ? 1 : Number(amount));
}
