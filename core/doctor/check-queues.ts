import { queueSchema, readRedisSettings } from '../queues.ts';
import type { Check, Finding } from './finding.ts';

/** The queue server: BullMQ's tables in the database, or Redis when REDIS_URL is set. */
export function createQueueCheck(redisUrl: string | undefined): Check {
  return redisUrl === undefined
    ? { name: 'queues in the database', run: ({ connection }) => judgePostgres(connection) }
    : { name: 'queues in Redis', run: () => judgeRedis(redisUrl) };
}

async function judgePostgres(connection: { query<Row>(sql: string): Promise<Row[]> }): Promise<Finding[]> {
  const [schema] = await connection.query<{ there: boolean; failed: number | null }>(
    `select exists (select from pg_namespace where nspname = '${queueSchema}') as there`,
  );
  if (schema?.there === true) return [];
  return [
    {
      level: 'danger',
      what: 'tables of the queues',
      value: 'missing',
      recommended: `the schema ${queueSchema}`,
      why: 'Analytics cannot be rung, so that everything it does comes only with its sweeps, or not at all.',
      command: 'npm run migrate',
    },
  ];
}

async function judgeRedis(url: string): Promise<Finding[]> {
  let settings: Record<string, string>;
  try {
    settings = await readRedisSettings(url, ['maxmemory-policy', 'appendonly', 'appendfsync']);
  } catch (error) {
    return [
      {
        level: 'danger',
        what: 'REDIS_URL',
        value: (error as Error).message,
        recommended: 'a server that answers',
        why: 'Without its queue server analytics is rung by nobody.',
        command: 'redis-cli -u "$REDIS_URL" ping',
      },
    ];
  }
  const findings: Finding[] = [];
  const policy = settings['maxmemory-policy'];
  if (policy !== undefined && policy !== 'noeviction') {
    findings.push({
      level: 'danger',
      what: 'Redis maxmemory-policy',
      value: policy,
      recommended: 'noeviction',
      why: 'When memory is short, Redis throws keys of the queues away: jobs vanish and locks are lost.',
      command:
        'redis-cli -u "$REDIS_URL" config set maxmemory-policy noeviction && redis-cli -u "$REDIS_URL" config rewrite',
    });
  }
  if (settings['appendonly'] === 'no') {
    findings.push({
      level: 'advice',
      what: 'Redis appendonly',
      value: 'no',
      recommended: 'yes, with appendfsync everysec',
      why: 'After a crash the doorbells of the last minutes are gone; sweeps find the work, but later. It costs 5 to 10 %.',
      command: 'redis-cli -u "$REDIS_URL" config set appendonly yes && redis-cli -u "$REDIS_URL" config rewrite',
    });
  }
  return findings;
}
