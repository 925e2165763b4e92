import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Log } from './log.ts';
import { monotonic, pause } from './clock.ts';
import { retryDelay } from './retry.ts';

/** One checked-out connection. `query` takes `$1` parameters; the row type is the caller's promise. */
export interface Connection {
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Runs a statement and says how many rows it touched. */
  execute(sql: string, parameters?: readonly unknown[]): Promise<number>;
  /** A named, prepared statement for hot paths; the name must belong to exactly one text. */
  prepared<Row = Record<string, unknown>>(name: string, sql: string, parameters: readonly unknown[]): Promise<Row[]>;
  /** Feeds `chunks` into `COPY … FROM STDIN`; answers the number of rows copied. */
  copyIn(sql: string, chunks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<number>;
}

export interface Database extends Connection {
  /** BEGIN, `work`, COMMIT; ROLLBACK and the error itself when `work` throws. */
  withTransaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
  /** One connection for `work`, without a transaction (CALL, advisory locks); closed instead of reused when `work` throws. */
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
  /** A query without an answer for so long fails, and its connection is closed. Without it a silent line holds it up for a quarter of an hour. */
  queryLimitMs?: number;
  /** SQL run once on every new connection, such as `set role millrace_api`. */
  onConnect?: string;
}

// Timestamps arrive as text and stay text until someone needs a number: Date objects cost 617 µs per 1,781 and lose
// microseconds. int8 and numeric arrive as numbers where they are exact; counts here stay below 2^53.
// The same holds inside arrays. (Type numbers: pg_type.oid; 1186 is interval, 3909 and above are ranges and stay text.)
const types = new pg.TypeOverrides();
const textArray = types.getTypeParser(1009, 'text') as unknown as (text: string) => (string | null)[];
const numberArray = (text: string): (number | null)[] =>
  textArray(text).map((item) => (item === null ? null : Number(item)));
for (const oid of [1082, 1114, 1184, 1186]) types.setTypeParser(oid, (text: string) => text);
for (const oid of [1182, 1115, 1185, 1187]) types.setTypeParser(oid, textArray);
for (const oid of [20, 1700]) types.setTypeParser(oid, Number);
for (const oid of [1016, 1231]) types.setTypeParser(oid, numberArray);

/** Opens a pool; nothing is connected until the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const config: pg.PoolConfig = {
    connectionString: options.url,
    application_name: options.name,
    max: options.maxConnections ?? 5,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    // A server that vanished without a word is noticed after some 10 s of silence instead of the system's two hours.
    keepAliveInitialDelayMillis: 10_000,
    types,
    // UTC on every connection, so that a text without a zone never depends on the server's own setting.
    // And the server shall notice within a minute that we have vanished: until then it keeps our locks.
    options:
      '-c timezone=UTC -c intervalstyle=iso_8601 -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3',
  };
  if (options.queryLimitMs !== undefined) config.query_timeout = options.queryLimitMs;
  const { onConnect } = options;
  // The pool waits for it and hands out no connection on which it failed: one that could not `set role` would be bound
  // by no row-level security.
  if (onConnect !== undefined) {
    config.onConnect = (client): unknown => client.query(onConnect);
  }
  const pool = new pg.Pool(config);
  pool.on('error', (error) => options.log.warn({ error }, 'an idle database connection was lost'));
  // Between the pool's own listener and the borrower's there is none for a moment: a server that hangs up right behind
  // its greeting, in the same packet, would end the process. Whoever has the connection learns it from the next query.
  pool.on('connect', (client) => client.on('error', () => undefined));

  /** Lends a connection to `work`, which says whether the next borrower may have it. */
  async function lend<Result>(work: (connection: Connection, keep: () => void) => Promise<Result>): Promise<Result> {
    const client = await pool.connect();
    let broken = false;
    let clean = false;
    // Without a listener, a connection that breaks while it is checked out would end the process.
    const onError = (): void => {
      broken = true;
    };
    client.on('error', onError);
    try {
      return await work(connectionOf(client), () => {
        clean = true;
      });
    } finally {
      client.off('error', onError);
      client.release(broken || !clean);
    }
  }

  // After a failure nobody knows what the session still holds: settings, advisory locks, an open transaction. Such a
  // connection is closed, which takes 5 ms to replace and releases everything.
  function withConnection<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    return lend(async (connection, keep) => {
      const result = await work(connection);
      keep();
      return result;
    });
  }

  function withTransaction<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    return lend(async (connection, keep) => {
      await connection.query('begin');
      try {
        const result = await work(connection);
        await connection.query('commit');
        keep();
        return result;
      } catch (error) {
        await connection.query('rollback').then(keep, () => undefined);
        throw error;
      }
    });
  }

  async function listenOnce(channel: string, onNotify: (payload: string) => void, signal: AbortSignal): Promise<void> {
    const client = new pg.Client({ ...config, application_name: `${options.name} listen` });
    let onAbort: () => void = () => undefined;
    // The same moment without a listener as above.
    client.on('error', () => undefined);
    try {
      await client.connect();
      const ended = new Promise<void>((resolve, reject) => {
        client.on('error', reject);
        client.on('end', resolve);
        onAbort = resolve;
        if (signal.aborted) resolve();
        signal.addEventListener('abort', onAbort);
      });
      // The connection may break before anybody waits for `ended`.
      ended.catch(() => undefined);
      client.on('notification', (message) => onNotify(message.payload ?? ''));
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      onNotify('');
      await ended;
    } finally {
      signal.removeEventListener('abort', onAbort);
      await client.end().catch(() => undefined);
    }
  }

  return {
    ...connectionOf(pool),
    withConnection,
    withTransaction,
    async listen(channel, onNotify, signal) {
      for (let attempt = 1; !signal.aborted; attempt++) {
        const startedAt = monotonic();
        try {
          await listenOnce(channel, onNotify, signal);
        } catch (error) {
          options.log.warn({ error, channel }, 'listening was interrupted, trying again');
        }
        if (monotonic() - startedAt > 30_000) attempt = 1;
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
      if (client instanceof pg.Pool)
        throw new Error('copyIn needs a connection: use withTransaction or withConnection.');
      const stream = client.query(copyFrom(sql));
      await pipeline(Readable.from(chunks, { objectMode: false }), stream);
      return stream.rowCount;
    },
  };
}
