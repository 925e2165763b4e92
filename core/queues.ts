import { createPostgresBackend, Queue, Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { z } from 'zod';
import type { Log } from './log.ts';

/**
 * The queues between rooms. A job is a doorbell: it says that there may be work, never what the work's truth is; the
 * database is the truth, and every worker is also rung by a sweep, so that a lost doorbell costs seconds, not data.
 * Payloads are checked on both sides. A sweep sends an empty one, which stands for all that may need work.
 */
export const queuePayloads = {
  /** New batches lie in the feed (`reading_batch`). Rung by ingest after a commit. */
  readings: z.object({}),
  /** Refresh the rollup buckets that are due. Rung by ingest after late readings, and by its sweep. */
  rollups: z.object({}),
  /** Recompute OEE slices; without machines, those whose slice is running. */
  oee: z.object({
    machine_ids: z.array(z.number()).optional(),
    from_ms: z.number().optional(),
    to_ms: z.number().optional(),
  }),
  /** An alarm was raised or cleared: diagnose the machine; without one, those that need it. */
  diagnosis: z.object({ machine_id: z.number().optional() }),
  /** A fault was diagnosed: decide about a work order; without one, about those that are waiting. */
  maintenance: z.object({ fault_id: z.number().optional() }),
  /** Recompute MTBF and MTTR of every machine. Rung by its sweep alone. */
  reliability: z.object({}),
} as const satisfies Record<string, z.ZodType>;

export type QueueName = keyof typeof queuePayloads;
export type QueuePayload<Name extends QueueName> = z.output<(typeof queuePayloads)[Name]>;

export interface Queues {
  /**
   * Rings a doorbell. Bells with the same `key` that have not been answered yet are one bell; one that rings while its
   * job runs is answered by one more run. Never throws: a lost doorbell is found by the sweep, and the caller's own
   * work (a commit) has already succeeded.
   */
  ring<Name extends QueueName>(name: Name, key: string, payload: QueuePayload<Name>): Promise<void>;
  /** Starts answering a queue, one job at a time by default, and a sweep every `sweepMs`. */
  answer<Name extends QueueName>(
    name: Name,
    handler: (payload: QueuePayload<Name>) => Promise<void>,
    options?: AnswerOptions,
  ): void;
  close(): Promise<void>;
}

export interface AnswerOptions {
  concurrency?: number;
  sweepMs?: number;
}

/** The schema that BullMQ's PostgreSQL backend keeps its own tables in; our migrations never touch it. */
export const queueSchema = 'bullmq';

/**
 * Brings BullMQ's own tables in the PostgreSQL database to the version of the installed package. Opening a queue does
 * not do it (BullMQ 6 only checks), so that the rooms need no right to create tables. Any number may run at once:
 * BullMQ holds an advisory lock for the whole of its one transaction.
 */
export async function migrateQueues(databaseUrl: string): Promise<void> {
  const connection = {
    connectionString: databaseUrl,
    schema: queueSchema,
    max: 1,
    application_name: 'millrace migrate',
    migrate: true,
  };
  const queue = new Queue('migrate', { connection }, createPostgresBackend);
  try {
    await queue.waitUntilReady();
  } finally {
    await queue.close();
  }
}

/** The values of a Redis server's settings, for the doctor. Throws when the server does not answer or does not tell. */
export async function readRedisSettings(redisUrl: string, names: readonly string[]): Promise<Record<string, string>> {
  const connection = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  // The error comes with the failed command too; without a listener it would also be printed.
  connection.on('error', () => undefined);
  try {
    await connection.connect();
    const settings: Record<string, string> = {};
    for (const name of names) {
      const [key, value] = (await connection.config('GET', name)) as string[];
      if (key !== undefined && value !== undefined) settings[key] = value;
    }
    return settings;
  } finally {
    connection.disconnect();
  }
}

/** Throws one sentence when what answers at `redisUrl` is no Redis or Valkey, or does not let us in. */
export async function requireRedis(redisUrl: string, limitMs = 5000): Promise<void> {
  const connection = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: limitMs,
    commandTimeout: limitMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let failure: Error | undefined;
  connection.on('error', (error) => (failure ??= error));
  try {
    await connection.connect();
    const answer = await connection.ping();
    if (answer !== 'PONG') throw new Error(`it answers ${String(answer).slice(0, 40)} to a PING`);
  } catch (cause) {
    const { host, port } = connection.options;
    throw new Error(
      `REDIS_URL: what answers at ${host}:${port} cannot be used as Redis or Valkey (${(failure ?? (cause as Error)).message}); correct REDIS_URL, its password, or leave it out to keep the queues in the database.`,
      { cause },
    );
  } finally {
    connection.disconnect();
  }
}

const keepJobs = { removeOnComplete: true, removeOnFail: { count: 100 } } as const;

/**
 * Opens the queues on Redis when `redisUrl` is given, else on the PostgreSQL database. Producers fail fast (a bell that
 * cannot ring is dropped); workers wait for the server to come back, as BullMQ's production guide asks.
 */
export function openQueues(options: { redisUrl?: string | undefined; databaseUrl: string; log: Log }): Queues {
  const { log } = options;
  const queues = new Map<QueueName, Queue>();
  const workers: Worker[] = [];
  const redisConnections: Redis[] = [];
  let closed = false;

  function redis(settings: { maxRetriesPerRequest: number | null; enableOfflineQueue: boolean }): Redis {
    const connection = new Redis(options.redisUrl ?? '', {
      ...settings,
      retryStrategy: (times) => Math.min(100 * 2 ** times, 5000),
    });
    connection.on('error', (error) => log.warn({ error: error.message }, 'the queue server cannot be reached'));
    redisConnections.push(connection);
    return connection;
  }

  const producerRedis =
    options.redisUrl === undefined ? undefined : redis({ maxRetriesPerRequest: 1, enableOfflineQueue: false });
  const postgres = {
    connectionString: options.databaseUrl,
    schema: queueSchema,
    max: 3,
    application_name: 'millrace queues',
  };

  function queueOf(name: QueueName): Queue {
    let queue = queues.get(name);
    if (queue === undefined) {
      queue =
        producerRedis !== undefined
          ? new Queue(name, { connection: producerRedis, defaultJobOptions: keepJobs })
          : (new Queue(
              name,
              { connection: postgres, defaultJobOptions: keepJobs },
              createPostgresBackend,
            ) as unknown as Queue);
      queue.on('error', (error) => log.warn({ error: error.message, queue: name }, 'queue error'));
      queues.set(name, queue);
    }
    return queue;
  }

  return {
    async ring(name, key, payload) {
      if (closed) return;
      try {
        const job = queuePayloads[name].parse(payload);
        await queueOf(name).add(name, job, { deduplication: { id: key, keepLastIfActive: true } });
      } catch (error) {
        log.warn({ error, queue: name, key }, 'a doorbell did not ring; the sweep will find the work');
      }
    },
    answer(name, handler, answerOptions = {}) {
      const process = async (job: Job): Promise<void> => {
        await handler(queuePayloads[name].parse(job.data) as QueuePayload<typeof name>);
      };
      // A handler that blocks the event loop for longer than the lock would run twice (BullMQ #3183), hence 60 s.
      const settings = { concurrency: answerOptions.concurrency ?? 1, lockDuration: 60_000 };
      const worker =
        options.redisUrl !== undefined
          ? new Worker(name, process, {
              ...settings,
              connection: redis({ maxRetriesPerRequest: null, enableOfflineQueue: true }),
            })
          : (new Worker(
              name,
              process,
              { ...settings, connection: postgres },
              createPostgresBackend,
            ) as unknown as Worker);
      worker.on('error', (error) => log.warn({ error: error.message, queue: name }, 'worker error'));
      worker.on('failed', (_job, error) => log.error({ error, queue: name }, 'a job failed; the sweep will try again'));
      workers.push(worker);
      if (answerOptions.sweepMs !== undefined) {
        queueOf(name)
          .upsertJobScheduler(`sweep ${name}`, { every: answerOptions.sweepMs }, { name, data: {} })
          .catch((error: unknown) => log.error({ error, queue: name }, 'the sweep could not be scheduled'));
      }
    },
    async close() {
      closed = true;
      await Promise.all(workers.map((worker) => worker.close()));
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      for (const connection of redisConnections) connection.disconnect();
    },
  };
}
