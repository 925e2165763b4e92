import type { Connection, Database } from '../core/database.ts';

/** How long one statement of a request may take before PostgreSQL ends it (SQLSTATE 57014 → a 503 that says so). */
const statementLimitMs = 15_000;

/**
 * Runs `work` in a transaction as the role millrace_api for one organization, so that row-level security decides what
 * exists. One round trip opens it (three statements in one text), one closes it. `read` transactions cannot write.
 */
export async function withOrganization<Result>(
  database: Database,
  organizationId: number,
  access: 'read' | 'write',
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  // The id goes into the text because several statements cannot have parameters; it must be nothing but a number.
  if (!Number.isSafeInteger(organizationId))
    throw new TypeError(`organization_id ${organizationId} is not a whole number`);
  const outcome = await database.withConnection(
    async (connection): Promise<{ result: Result } | { error: unknown }> => {
      await connection.query(
        `begin ${access === 'read' ? 'read only' : 'read write'}; set local role millrace_api; ` +
          `set local statement_timeout = ${statementLimitMs}; ` +
          `select set_config('millrace.organization_id', '${organizationId}', true)`,
      );
      try {
        const result = await work(connection);
        await connection.query('commit');
        return { result };
      } catch (error) {
        // A refused request is no broken connection: rolled back, it is as good as new. A failing rollback throws, and
        // the pool closes the connection.
        await connection.query('rollback');
        return { error };
      }
    },
  );
  if ('error' in outcome) throw outcome.error;
  return outcome.result;
}
