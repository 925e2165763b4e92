import { megabyte, showBytes, showSeconds, type Check, type Finding, type Patient } from './finding.ts';

/** WAL of a reading with its unique index, its feed and its books, in bytes (measured: 120 + 22 + full pages). */
const walBytesPerReading = 170;

/** PostgreSQL's own settings: first those by which something can be lost, then those that cost speed. */
export const checkSettings: Check = {
  name: 'settings of the server',
  run: (patient) => Promise.resolve([...judgeDurability(patient), ...judgeSpeed(patient), ...judgeWorkers(patient)]),
};

function judgeDurability({ setting }: Patient): Finding[] {
  const reasons: Record<string, string> = {
    fsync: 'After a power loss the whole database may be unreadable.',
    full_page_writes: 'After a power loss a page may be half old and half new, and nobody notices.',
    synchronous_commit:
      'The journal gives up a reading when COMMIT answers. With this off, a crash of the server within the next second loses readings that nobody has any more. In batches it gains 11 %.',
  };
  return Object.entries(reasons).flatMap(([name, why]): Finding[] =>
    setting(name) === 'off'
      ? [{ level: 'danger', what: name, value: 'off', recommended: 'on', why, command: reload(name, 'on') }]
      : [],
  );
}

function judgeSpeed({ setting, readings_per_second, memory_bytes }: Patient): Finding[] {
  const findings: Finding[] = [];
  const checkpointSeconds = Number(setting('checkpoint_timeout') ?? 300);
  const wantedWal = Math.max(
    2048 * megabyte,
    Math.ceil((readings_per_second * walBytesPerReading * checkpointSeconds * 1.5) / (256 * megabyte)) * 256 * megabyte,
  );
  const wal = Number(setting('max_wal_size') ?? 0);
  if (wal < wantedWal) {
    findings.push({
      level: 'advice',
      what: 'max_wal_size',
      value: showBytes(wal),
      recommended: showBytes(wantedWal),
      why: `At ${Math.round(readings_per_second)} readings/s a checkpoint interval of ${showSeconds(checkpointSeconds)} writes more WAL than fits, so that checkpoints come early, and each writes every touched page whole once more.`,
      command: reload('max_wal_size', `${wantedWal / megabyte}MB`),
    });
  }
  if (checkpointSeconds < 600) {
    findings.push({
      level: 'advice',
      what: 'checkpoint_timeout',
      value: showSeconds(checkpointSeconds),
      recommended: '15 min',
      why: 'After each checkpoint every touched page is written whole into the WAL once. The index pages of all signals are touched all the time.',
      command: reload('checkpoint_timeout', '15min'),
    });
  }
  const wantedBuffers = Math.min(512 * megabyte, (memory_bytes ?? 4096 * megabyte) / 8);
  const buffers = Number(setting('shared_buffers') ?? 0);
  if (buffers < wantedBuffers * 0.99) {
    findings.push({
      level: 'advice',
      what: 'shared_buffers',
      value: showBytes(buffers),
      recommended: `${showBytes(wantedBuffers)} at least; a quarter of the memory on a machine for the database alone`,
      why: 'The pages that are written all the time and the last hours that people look at should stay in memory.',
      command: `alter system set shared_buffers = '${Math.floor(wantedBuffers / megabyte)}MB';  -- then restart the server`,
    });
  }
  if (memory_bytes !== undefined && buffers > memory_bytes * 0.5) {
    findings.push({
      level: 'advice',
      what: 'shared_buffers',
      value: showBytes(buffers),
      recommended: `${showBytes(memory_bytes / 4)}`,
      why: `The machine has ${showBytes(memory_bytes)}; what PostgreSQL takes for itself is missing to the file cache and to its own sorts.`,
      command: `alter system set shared_buffers = '${Math.floor(memory_bytes / 4 / megabyte)}MB';  -- then restart the server`,
    });
  }
  if (setting('wal_compression') === 'off') {
    findings.push({
      level: 'advice',
      what: 'wal_compression',
      value: 'off',
      recommended: 'lz4 (pglz where the server was built without it)',
      why: 'Pages that are written whole into the WAL shrink to half and less.',
      command: reload('wal_compression', 'lz4'),
    });
  }
  if (setting('jit') === 'on') {
    findings.push({
      level: 'advice',
      what: 'jit',
      value: 'on',
      recommended: 'off',
      why: 'Queries over many chunks look expensive to the planner, and compiling them costs 100 to 500 ms where running them costs 10.',
      command: reload('jit', 'off'),
    });
  }
  if (setting('autovacuum') === 'off') {
    findings.push({
      level: 'danger',
      what: 'autovacuum',
      value: 'off',
      recommended: 'on',
      why: 'latest_value is rewritten every second and bloats without it, the BRIN of new pages is never summarised, and after two billion transactions the server stops.',
      command: reload('autovacuum', 'on'),
    });
  }
  return findings;
}

function judgeWorkers({ setting, engine }: Patient): Finding[] {
  if (engine !== 'timescale') return [];
  const workers = Number(setting('timescaledb.max_background_workers') ?? 0);
  const processes = Number(setting('max_worker_processes') ?? 0);
  const parallel = Number(setting('max_parallel_workers') ?? 0);
  if (workers === 0) {
    return [
      {
        level: 'danger',
        what: 'timescaledb.max_background_workers',
        value: '0',
        recommended: '8',
        why: 'No policy ever runs: nothing is compressed, and nothing is dropped after its retention, until the disk is full.',
        command: 'alter system set timescaledb.max_background_workers = 8;  -- then restart the server',
      },
    ];
  }
  if (processes >= workers + parallel + 3) return [];
  return [
    {
      level: 'advice',
      what: 'max_worker_processes',
      value: String(processes),
      recommended: String(workers + parallel + 3),
      why: `TimescaleDB's ${workers} workers, ${parallel} parallel workers and the launchers do not all fit, so that policies are put off and logged as failed.`,
      command: `alter system set max_worker_processes = ${workers + parallel + 3};  -- then restart the server`,
    },
  ];
}

const reload = (name: string, value: string): string =>
  `alter system set ${name} = '${value}'; select pg_reload_conf();`;
