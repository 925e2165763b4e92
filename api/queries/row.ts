/**
 * What every question needs to turn rows into answers: times, values, the place of a machine, optional filters.
 * PostgreSQL gives times as `2026-11-20 06:00:00.123+00` (all our connections are in UTC).
 */
export function toRfc3339(text: string): string {
  return `${text.slice(0, 10)}T${text.slice(11).replace('+00', 'Z')}`;
}

export function toRfc3339OrNull(text: string | null): string | null {
  return text === null ? null : toRfc3339(text);
}

/** JSON has no NaN and no infinities; a reading that carries one has no value for a caller. */
export function toFinite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** Columns of `machinePlace` (schemas/common.ts) for the aliases m, l and s of `placeJoins`. */
export const placeColumns = `m.machine_id, m.name as machine_name, m.title as machine_title,
  l.line_id, l.name as line_name, l.title as line_title, s.site_id, s.name as site_name, s.title as site_title`;
export const placeJoins = 'join line l on l.line_id = m.line_id join site s on s.site_id = l.site_id';

/** Parts of a WHERE that are there only when their value is, with numbered parameters. `?` in a part stands for its value. */
export interface Conditions {
  readonly parameters: unknown[];
  add(sql: string, value: unknown): void;
  /** Adds a parameter and answers its `$n`. */
  parameter(value: unknown): string;
  /** `where a and b`, or `where true` when nothing was added. */
  toSql(): string;
}

export function conditions(...always: string[]): Conditions {
  const parts = [...always];
  const parameters: unknown[] = [];
  function parameter(value: unknown): string {
    return `$${parameters.push(value)}`;
  }
  return {
    parameters,
    parameter,
    add(sql, value) {
      if (value !== undefined) parts.push(sql.includes('?') ? sql.replaceAll('?', parameter(value)) : sql);
    },
    toSql: () => `where ${parts.length === 0 ? 'true' : parts.join(' and ')}`,
  };
}

/** The filters by place that most lists take, on the aliases of `placeJoins`. */
export function addPlace(
  where: Conditions,
  query: { site?: number | undefined; line?: number | undefined; machine?: number | undefined },
): void {
  where.add('s.site_id = ?', query.site);
  where.add('l.line_id = ?', query.line);
  where.add('m.machine_id = ?', query.machine);
}
