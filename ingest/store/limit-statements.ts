import type { Connection } from '../../core/database.ts';

/**
 * The connection with a limit on every single statement: a server that takes bytes and never answers (a blackholed or
 * half-open line) gives no error for a quarter of an hour, because the kernel goes on retransmitting. Not a limit on the
 * whole batch: one that is halved again and again makes progress for minutes. `limitMs` is asked before each statement.
 */
export function limitStatements(connection: Connection, limitMs: () => number): Connection {
  return {
    query: (sql, parameters) => withLimit(connection.query(sql, parameters), limitMs()),
    execute: (sql, parameters) => withLimit(connection.execute(sql, parameters), limitMs()),
    prepared: (name, sql, parameters) => withLimit(connection.prepared(name, sql, parameters), limitMs()),
    copyIn: (sql, chunks) => withLimit(connection.copyIn(sql, chunks), limitMs()),
  };
}

/** The server has not answered a statement in time. The connection must be closed, because the answer may still come. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
  /** As a socket error says it, so that it counts as one that may pass (core/retry.ts). */
  readonly code = 'ETIMEDOUT';
}

async function withLimit<Result>(answer: Promise<Result>, limitMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new SilenceError(`The database has not answered a statement for ${limitMs / 1000} s.`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([answer, limit]);
  } finally {
    clearTimeout(timer);
    answer.catch(() => undefined);
  }
}
