import { createHash } from 'node:crypto';
import type { Connection } from '../../core/database.ts';
import type { FilePosition } from './reader.ts';
import { stagingSchema } from './staging.ts';

/**
 * How far a run has got. It is kept in the database and written in the same transaction as the rows it speaks of, so that
 * after a crash at any moment it is exactly right; a file beside the data would lag behind or run ahead of them.
 */
export interface RunState {
  files: { file: string; fingerprint: string; position: FilePosition | null; done: boolean }[];
  received: number;
  stored: number;
  duplicate: number;
  conflict: number;
  rejected: number;
  empty: number;
  /** By UTC day (days since 1970): first and last source time, rows, and the machines whose states and counts were loaded. */
  days: Record<string, { from_us: number; to_us: number; rows: number; machine_ids: number[] }>;
  /** By signal: the newest row, which may become its latest value. */
  newest: Record<string, { time_us: number; value: number | null; quality: number }>;
  phase: 'load' | 'merge' | 'rollups' | 'done';
  /** Days whose rollups are right. */
  rolled_up: string[];
}

/** Names a run: the same files read in the same way are the same run, wherever they lie. */
export function runKey(fingerprints: readonly string[], reading: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([fingerprints, reading]))
    .digest('hex')
    .slice(0, 16);
}

export function newState(files: readonly { file: string; fingerprint: string }[]): RunState {
  return {
    files: files.map(({ file, fingerprint }) => ({ file, fingerprint, position: null, done: false })),
    received: 0,
    stored: 0,
    duplicate: 0,
    conflict: 0,
    rejected: 0,
    empty: 0,
    days: {},
    newest: {},
    phase: 'load',
    rolled_up: [],
  };
}

export async function prepareRuns(connection: Connection): Promise<void> {
  await connection.query(`create schema if not exists ${stagingSchema}`);
  await connection.query(
    `create table if not exists ${stagingSchema}.run (
       run_key text primary key, started_at timestamptz not null default now(), updated_at timestamptz not null default now(), state jsonb not null)`,
  );
}

export async function readRun(
  connection: Connection,
  key: string,
): Promise<{ state: RunState; updated_at: string } | undefined> {
  const [row] = await connection.query<{ state: RunState; updated_at: string }>(
    `select state, to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') as updated_at from ${stagingSchema}.run where run_key = $1`,
    [key],
  );
  return row;
}

/** Other runs that have rows staged and never ended. */
export async function unfinishedRuns(
  connection: Connection,
  key: string,
): Promise<{ run_key: string; files: string[] }[]> {
  return connection.query(
    `select run_key, array(select f->>'file' from jsonb_array_elements(state->'files') f) as files
       from ${stagingSchema}.run where run_key <> $1 and state->>'phase' in ('load', 'merge')`,
    [key],
  );
}

export async function writeRun(connection: Connection, key: string, state: RunState): Promise<void> {
  await connection.query(
    `insert into ${stagingSchema}.run (run_key, state) values ($1, $2::jsonb)
     on conflict (run_key) do update set state = excluded.state, updated_at = now()`,
    [key, JSON.stringify(state)],
  );
}

export async function forgetRun(connection: Connection, key: string): Promise<void> {
  await connection.query(`delete from ${stagingSchema}.run where run_key = $1`, [key]);
}
