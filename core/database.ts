import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Log } from './log.ts';
import { pause } from './clock.ts';
import { retryDelay } from './retry.ts';

/** One checked-out connection. `query` takes `$1` parameters; the row type is the caller's promise. */
export interface Connection {
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Runs a statement and says how many rows it touched. */
  execute(sql: string, parameters?: readonly unknown[]): Promise<number>;
  /** A named, prepared statement for hot paths; the name must belong to exactly one text. */
  prepared<Row = Record<string, unknown>>(name: string, sql: string, parameters: readonly unknown[]): Promise<Row[]>;
  /** Feeds `chunks` into `COPY … FROM STDIN`; answers the number of rows copied. */
  copyIn(sql: string, chunks: Iterable<Buffer>): Promise<number>;
}

export interface Database extends Connection {
  /** BEGIN, `work`, COMMIT; ROLLBACK and the error itself when `work` throws. */
  withTransaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
  /** One connection for `work`, without a transaction (CALL, LISTEN-free sessions, advisory locks). */
  withConnection<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
  /**
   * Calls `onNotify` for every NOTIFY on `channel`, and once after each reconnect, because notifications sent while
   * the connection was away are lost. Ends when `signal` aborts.
   */
  listen(channel: string, onNotify: (payload: string) => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  /** Shown in pg_stat_activity, so that an administrator sees whose connection it is. */
  name: string;
  log: Log;
  maxConnections?: number;
  /** SQL run once on every new connection, such as `set role millrace_api`. */
  onConnect?: string;
}

// Timestamps arrive as text and stay text until someone needs a number: Date objects cost 617 µs per 1,781 and lose
// microseconds. int8 and numeric arrive as numbers where they are exact; counts here stay below 2^53.
const types = new pg.TypeOverrides();
for (const oid of [1082, 1114, 1184]) types.setTypeParser(oid, (text: string) => text);
types.setTypeParser(20, Number);
types.setTypeParser(1700, Number);

/** Opens a pool; nothing is connected until the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const config: pg.PoolConfig = {
    connectionString: options.url,
    application_name: options.name,
    max: options.maxConnections ?? 5,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    types,
    // UTC on every connection, so that a text without a zone never depends on the server's own setting.
    options: '-c timezone=UTC -c intervalstyle=iso_8601',
  };
  const pool = new pg.Pool(config);
  pool.on('error', (error) => options.log.warn({ error }, 'an idle database connection was lost'));
  const { onConnect } = options;
  if (onConnect !== undefined) {
    pool.on('connect', (client) => {
      client.query(onConnect).catch((error: unknown) => options.log.error({ error }, 'preparing a connection failed'));
    });
  }

  async function withConnection<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const client = await pool.connect();
    let broken = false;
    // Without a listener, a connection that breaks while it is checked out would end the process.
    const onError = (): void => {
      broken = true;
    };
    client.on('error', onError);
    try {
      return await work(connectionOf(client));
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  async function withTransaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    return withConnection(async (connection) => {
      await connection.query('begin');
      try {
        const result = await work(connection);
        await connection.query('commit');
        return result;
      } catch (error) {
        await connection.query('rollback').catch(() => undefined);
        throw error;
      }
    });
  }

  async function listenOnce(channel: string, onNotify: (payload: string) => void, signal: AbortSignal): Promise<void> {
    const client = new pg.Client({ ...config, application_name: `${options.name} listen` });
    try {
      await client.connect();
      const ended = new Promise<void>((resolve, reject) => {
        client.on('error', reject);
        client.on('end', resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      client.on('notification', (message) => onNotify(message.payload ?? ''));
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      onNotify('');
      await ended;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  return {
    ...connectionOf(pool),
    withConnection,
    withTransaction,
    async listen(channel, onNotify, signal) {
      for (let attempt = 1; !signal.aborted; attempt++) {
        const startedAt = performance.now();
        try {
          await listenOnce(channel, onNotify, signal);
        } catch (error) {
          options.log.warn({ error, channel }, 'listening was interrupted, trying again');
        }
        if (performance.now() - startedAt > 30_000) attempt = 1;
        if (!signal.aborted) await pause(retryDelay({ minMs: 100, maxMs: 5000 }, attempt), signal);
      }
    },
    close: () => pool.end(),
  };
}

/** Quotes a name for SQL text. Only for names from our own code or the catalogue. */
export const quoteName = (name: string): string => pg.escapeIdentifier(name);

function connectionOf(client: pg.Pool | pg.PoolClient): Connection {
  return {
    async query<Row>(sql: string, parameters: readonly unknown[] = []) {
      const result = await client.query(sql, parameters.length === 0 ? undefined : [...parameters]);
      return result.rows as Row[];
    },
    async execute(sql, parameters = []) {
      const result = await client.query(sql, parameters.length === 0 ? undefined : [...parameters]);
      return result.rowCount ?? 0;
    },
    async prepared<Row>(name: string, sql: string, parameters: readonly unknown[]) {
      const result = await client.query({ name, text: sql, values: [...parameters] });
      return result.rows as Row[];
    },
    async copyIn(sql, chunks) {
      if (client instanceof pg.Pool) throw new Error('copyIn needs a connection: use withTransaction or withConnection.');
      const stream = client.query(copyFrom(sql));
      await pipeline(Readable.from(chunks, { objectMode: false }), stream);
      return stream.rowCount;
    },
  };
}
