import { megabyte, showBytes, showSeconds, type Check, type Finding, type Patient } from './finding.ts';

const expectedIndexes = ['reading_key', 'reading_by_time'];
/** Bytes of heap and index a reading takes until it is compressed (measured: 60 + 43). */
const bytesPerReading = 103;
const indexBytesPerReading = 43;

/** The table of readings: its indexes, its chunks or partitions, and what moves them on. */
export const checkReadings: Check = {
  name: 'readings: indexes, chunks, columnstore, retention',
  async run(patient) {
    return [
      ...(await judgeIndexes(patient)),
      ...(patient.engine === 'timescale' ? await judgeChunks(patient) : await judgePartitions(patient)),
      ...(await judgeLocks(patient)),
      ...(await judgeRetention(patient)),
    ];
  },
};

async function judgeIndexes({ connection }: Patient): Promise<Finding[]> {
  const indexes = await connection.query<{ name: string; valid: boolean; unique: boolean; size: number }>(
    `select c.relname as name, x.indisvalid as valid, x.indisunique as unique,
            (select coalesce(sum(pg_relation_size(p.relid)), 0)::int8 from pg_partition_tree(c.oid) p) as size
       from pg_index x join pg_class c on c.oid = x.indexrelid where x.indrelid = 'public.reading'::regclass order by 1`,
  );
  const findings: Finding[] = [];
  for (const name of expectedIndexes) {
    const index = indexes.find((candidate) => candidate.name === name);
    const isKey = name === 'reading_key';
    const create = isKey
      ? 'create unique index reading_key on reading (signal_id, time desc);'
      : 'create index reading_by_time on reading using brin (time) with (pages_per_range = 32, autosummarize = on);';
    if (index !== undefined && index.valid) continue;
    findings.push({
      level: isKey ? 'danger' : 'advice',
      what: `index ${name}`,
      value: index === undefined ? 'missing' : 'invalid',
      recommended: 'present and valid',
      why: isKey
        ? 'Without it a message that is delivered twice is stored twice, and the newest value of a signal is found by reading all of them (4 s instead of 10 ms).'
        : 'Without it refreshing the rollups of one late reading reads the whole chunk (400 ms instead of 50).',
      command: index === undefined ? create : `drop index ${name}; ${create}`,
    });
  }
  for (const index of indexes.filter(({ name }) => !expectedIndexes.includes(name))) {
    findings.push({
      level: 'advice',
      what: `index ${index.name} on reading`,
      value: index.size > 0 ? showBytes(index.size) : 'extra',
      recommended: 'none besides reading_key and reading_by_time',
      why: 'Each further index costs every reading: a btree on time 20 % of the rate and 68 B of WAL, one on random keys 75 %. A second unique one may refuse readings besides.',
      command: `drop index ${index.name};`,
    });
  }
  return findings;
}

async function judgeChunks(patient: Patient): Promise<Finding[]> {
  const { connection, readings_per_second, memory_bytes } = patient;
  const findings: Finding[] = [];
  const [dimension] = await connection.query<{ seconds: number }>(
    `select extract(epoch from time_interval)::float8 as seconds from timescaledb_information.dimensions
      where hypertable_schema = 'public' and hypertable_name = 'reading'`,
  );
  if (dimension === undefined) return [];
  const indexBytes = readings_per_second * dimension.seconds * indexBytesPerReading;
  const room = (memory_bytes ?? Number(patient.setting('shared_buffers') ?? 0) * 4) / 4;
  if (room > 0 && indexBytes > room) {
    const hours = Math.max(1, Math.floor(room / (readings_per_second * indexBytesPerReading) / 3600));
    findings.push({
      level: 'advice',
      what: 'chunk interval of reading',
      value: showSeconds(dimension.seconds),
      recommended: `${hours} h`,
      why: `At ${Math.round(readings_per_second)} readings/s the index of the chunk that is written to grows to ${showBytes(indexBytes)}; it should stay within a quarter of the memory (${showBytes(room)}).`,
      command: `select set_chunk_time_interval('reading', interval '${hours} hours');`,
    });
  }
  const [chunks] = await connection.query<{ count: number; waiting: number; oldest: string | null; bytes: number }>(
    `select count(*)::int as count, count(*) filter (where not is_compressed and range_end < now() - interval '2 days')::int as waiting,
            min(range_start) filter (where not is_compressed and range_end < now() - interval '2 days')::text as oldest,
            coalesce(sum(pg_total_relation_size(format('%I.%I', chunk_schema, chunk_name)::regclass))
                     filter (where not is_compressed and range_end < now() - interval '2 days'), 0)::int8 as bytes
       from timescaledb_information.chunks where hypertable_schema = 'public' and hypertable_name = 'reading'`,
  );
  if (chunks !== undefined && chunks.waiting > 0) {
    findings.push({
      level: 'advice',
      what: 'chunks that should be in the columnstore',
      value: `${chunks.waiting}, the oldest from ${chunks.oldest}, ${showBytes(chunks.bytes)}`,
      recommended: 'none older than 2 days',
      why: 'They take 12 times the disk that they need, and trends over them are slower.',
      command: `select compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass) from timescaledb_information.chunks where hypertable_name = 'reading' and not is_compressed and range_end < now() - interval '2 days';`,
    });
  }
  return [...findings, ...(await judgeJobs(patient))];
}

async function judgeJobs({ connection }: Patient): Promise<Finding[]> {
  const jobs = await connection.query<{
    job_id: number;
    proc: string;
    scheduled: boolean;
    status: string | null;
    failures: number;
    message: string | null;
  }>(
    `select j.job_id, j.proc_name as proc, j.scheduled, s.last_run_status as status, coalesce(s.total_failures, 0)::int as failures,
            (select e.err_message from timescaledb_information.job_errors e where e.job_id = j.job_id order by e.finish_time desc limit 1) as message
       from timescaledb_information.jobs j left join timescaledb_information.job_stats s using (job_id)
      where (j.proc_name in ('policy_compression', 'policy_columnstore') and j.hypertable_name = 'reading') or j.proc_name = 'drop_expired_readings_job'`,
  );
  const wanted = [
    {
      what: 'columnstore policy of reading',
      isIt: (proc: string) => proc.startsWith('policy_'),
      why: 'Readings stay in rows: 103 bytes each instead of 8.',
      create: "call add_columnstore_policy('reading', after => interval '1 day');",
    },
    {
      what: 'retention job',
      isIt: (proc: string) => proc === 'drop_expired_readings_job',
      why: 'Readings are never dropped, until the disk is full.',
      create: "select add_job('drop_expired_readings_job', interval '1 day');",
    },
  ];
  return wanted.flatMap(({ what, isIt, why, create }): Finding[] => {
    const job = jobs.find(({ proc }) => isIt(proc));
    if (job === undefined)
      return [{ level: 'danger', what, value: 'missing', recommended: 'present', why, command: create }];
    if (!job.scheduled) {
      return [
        {
          level: 'danger',
          what,
          value: `job ${job.job_id} is switched off`,
          recommended: 'scheduled',
          why,
          command: `select alter_job(${job.job_id}, scheduled => true);`,
        },
      ];
    }
    if (job.status !== 'Failed') return [];
    return [
      {
        level: 'danger',
        what,
        value: `job ${job.job_id} failed: ${job.message ?? 'no message'}`,
        recommended: 'succeeding',
        why,
        command: `call run_job(${job.job_id});  -- shows what is wrong`,
      },
    ];
  });
}

async function judgePartitions({ connection, readings_per_second }: Patient): Promise<Finding[]> {
  const [days] = await connection.query<{ ahead: number; count: number; bytes: number }>(
    `select count(*) filter (where to_date(substr(c.relname, 9), 'YYYY_MM_DD') > (now() at time zone 'UTC')::date)::int as ahead,
            count(*)::int as count, coalesce(max(pg_total_relation_size(c.oid)), 0)::int8 as bytes
       from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'public.reading'::regclass and c.relname ~ '^reading_\\d{4}_'`,
  );
  const findings: Finding[] = [];
  if (days !== undefined && days.ahead < 2) {
    findings.push({
      level: 'advice',
      what: 'partitions of the coming days',
      value: String(days.ahead),
      recommended: '7',
      why: 'The store makes a missing day itself, but the nightly job that drops old days and makes new ones does not seem to run. Is analytics running?',
      command: "call ensure_reading_partitions(now(), now() + interval '7 days');",
    });
  }
  const perDay = readings_per_second * 86_400 * bytesPerReading;
  if (perDay > 50 * 1024 * megabyte) {
    findings.push({
      level: 'advice',
      what: 'readings a day',
      value: `${showBytes(perDay)} without compression`,
      recommended: 'TimescaleDB',
      why: 'Plain PostgreSQL does not compress; the same day takes a twelfth in a columnstore.',
      command: 'docs/production.md: a database with TimescaleDB, and npm run backfill for the history',
    });
  }
  return findings;
}

async function judgeLocks({ connection, engine, setting }: Patient): Promise<Finding[]> {
  const [tables] = await connection.query<{ tables: number; indexes: number }>(
    engine === 'timescale'
      ? `select count(*)::int * 2 as tables, 3 as indexes from timescaledb_information.chunks where hypertable_schema = 'public' and hypertable_name = 'reading'`
      : `select count(*)::int as tables, 3 as indexes from pg_inherits where inhparent = 'public.reading'::regclass`,
  );
  const perTransaction = Number(setting('max_locks_per_transaction') ?? 64);
  const slots = perTransaction * Number(setting('max_connections') ?? 100);
  const needed = (tables?.tables ?? 0) * (tables?.indexes ?? 3);
  // Half of all slots for one query that touches everything (a retention run, a query without a time range).
  if (needed <= slots / 2) return [];
  const recommended = Math.ceil((needed * 4) / Number(setting('max_connections') ?? 100) / 64) * 64;
  return [
    {
      level: 'advice',
      what: 'max_locks_per_transaction',
      value: String(perTransaction),
      recommended: String(recommended),
      why: `reading has ${tables?.tables} tables; a query over all of them locks ${needed} of the server's ${slots} slots, and two at once end with "out of shared memory".`,
      command: `alter system set max_locks_per_transaction = ${recommended};  -- then restart the server`,
    },
  ];
}

async function judgeRetention({ connection }: Patient): Promise<Finding[]> {
  const [kept] = await connection.query<{ raw_days: number; oldest: string | null; days: number | null }>(
    `select raw_days, to_char(oldest, 'YYYY-MM-DD') as oldest, extract(epoch from now() - oldest)::float8 / 86400 as days
       from reading_retention cross join lateral (select min(time) as oldest from reading where time < now() - make_interval(days => raw_days + 2)) r`,
  );
  if (kept?.oldest === null || kept?.oldest === undefined) return [];
  return [
    {
      level: 'advice',
      what: 'oldest reading',
      value: `${kept.oldest} (${Math.floor(kept.days ?? 0)} days)`,
      recommended: `not older than ${kept.raw_days} days (RAW_RETENTION_DAYS)`,
      why: 'The job that drops expired readings has not run for days, so that the disk fills.',
      command: 'select drop_expired_readings();',
    },
  ];
}
