import { retryRule } from './retry.ts';

/**
 * One sentence for whoever started a command that failed because of what DATABASE_URL names, and what to do about it.
 * Undefined for every other failure.
 */
export function describeDatabaseFailure(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  const reason = reasonOf(error);
  switch (code) {
    // A relation, a schema or a function that is not there.
    case '42P01':
    case '3F000':
    case '42883':
      return `The database of DATABASE_URL is not migrated (${reason}); run npm run migrate.`;
    case '28P01':
    case '28000':
      return `The server of DATABASE_URL refused the login (${reason}); check its user and password.`;
    case '3D000':
      return `The server of DATABASE_URL has no such database (${reason}); check its name or create it.`;
    default:
      if (retryRule(error) === undefined || isRefusedByRunningServer(code)) return undefined;
      return `The database of DATABASE_URL cannot be reached (${reason}); check DATABASE_URL and that the server runs.`;
  }
}

/** Worth another try, but by a server that answers: rolled back, out of resources, locked, or over a time limit. */
function isRefusedByRunningServer(code: unknown): boolean {
  return typeof code === 'string' && /^(40|53|55)...$|^57014$/.test(code);
}

/** The message of an error; a refused connection to several addresses has its message only inside. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
