import { statfs } from 'node:fs/promises';
import { showBytes, showSeconds, type Check, type Finding, type Patient } from './finding.ts';

/** What else on the server can bring the database to a stop: disk, old transactions, forgotten replication slots. */
export function createServerCheck(options: { dataDir: string; minFreeBytes: number }): Check {
  return {
    name: 'disk, transactions, replication',
    async run(patient) {
      return [
        ...(await judgeDisk(patient, options)),
        ...(await judgeTransactions(patient)),
        ...(await judgeSlots(patient)),
      ];
    },
  };
}

async function judgeDisk(
  patient: Patient,
  { dataDir, minFreeBytes }: { dataDir: string; minFreeBytes: number },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const journal = await freeBytes(dataDir);
  if (journal !== undefined && journal < minFreeBytes * 4) {
    findings.push({
      level: journal < minFreeBytes ? 'danger' : 'advice',
      what: 'disk of DATA_DIR',
      value: `${showBytes(journal)} free`,
      recommended: `${showBytes(minFreeBytes * 4)} at least`,
      why: `Below ${showBytes(minFreeBytes)} (DISK_MIN_FREE) the journal takes nothing more, and the gateway stops acknowledging.`,
      command: `df -h ${dataDir}`,
    });
  }
  const directory = patient.setting('data_directory');
  const database =
    typeof directory === 'string' && patient.memory_bytes !== undefined ? await freeBytes(directory) : undefined;
  const [size] = await patient.connection.query<{ bytes: number }>(
    'select pg_database_size(current_database())::int8 as bytes',
  );
  const bytesPerDay = patient.readings_per_second * 86_400 * (patient.engine === 'timescale' ? 10 : 103);
  if (database !== undefined && bytesPerDay > 0 && database / bytesPerDay < 14) {
    findings.push({
      level: database / bytesPerDay < 3 ? 'danger' : 'advice',
      what: 'disk of the database',
      value: `${showBytes(database)} free, the database has ${showBytes(size?.bytes ?? 0)}`,
      recommended: `room for two weeks (${showBytes(bytesPerDay * 14)})`,
      why: `At the rate of the last hour it is full in ${showSeconds((database / bytesPerDay) * 86_400)}, unless old readings are dropped first.`,
      command: 'RAW_RETENTION_DAYS=30 npm run migrate  -- keeps less; or a larger disk',
    });
  }
  return findings;
}

async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    // Not there yet, or on another machine.
    return undefined;
  }
}

async function judgeTransactions({ connection }: Patient): Promise<Finding[]> {
  const old = await connection.query<{ pid: number; name: string; age: number; state: string }>(
    `select pid, application_name as name, extract(epoch from now() - xact_start)::float8 as age, state from pg_stat_activity
      where datname = current_database() and xact_start < now() - interval '30 minutes' and backend_type = 'client backend' order by xact_start`,
  );
  return old.map(({ pid, name, age, state }) => ({
    level: 'advice',
    what: `transaction of ${name === '' ? 'an unnamed program' : name}`,
    value: `open for ${showSeconds(age)} (${state})`,
    recommended: 'minutes',
    why: 'No dead row that is younger can be removed, so that latest_value, the feed and the ledger grow and slow down.',
    command: `select pg_terminate_backend(${pid});`,
  }));
}

async function judgeSlots({ connection }: Patient): Promise<Finding[]> {
  const slots = await connection.query<{ name: string; bytes: number }>(
    `select slot_name as name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 as bytes from pg_replication_slots
      where not active and restart_lsn is not null and not pg_is_in_recovery()`,
  );
  return slots.map(({ name, bytes }) => ({
    level: bytes > 10 * 2 ** 30 ? 'danger' : 'advice',
    what: `replication slot ${name}`,
    value: `not in use, holds ${showBytes(bytes)} of WAL`,
    recommended: 'in use, or dropped',
    why: 'The server keeps all WAL for it until the disk is full.',
    command: `select pg_drop_replication_slot('${name}');`,
  }));
}
