import type { Clock } from '../clock.ts';
import type { Connection } from '../database.ts';

/** One thing that should be otherwise, with all that a person needs to change it. */
export interface Finding {
  /** `danger`: readings can be lost or figures wrong. `advice`: slower, larger or closer to a limit than need be. */
  level: 'danger' | 'advice';
  /** What was looked at, such as `max_wal_size`. */
  what: string;
  value: string;
  recommended: string;
  why: string;
  /** What to type. */
  command: string;
}

/** What the checks may use besides the database. */
export interface Patient {
  connection: Connection;
  clock: Clock;
  engine: 'postgres' | 'timescale';
  /** Readings a second, over the last hour; 0 when nothing came. */
  readings_per_second: number;
  /** Memory of the database's machine in bytes, where it is this one. */
  memory_bytes: number | undefined;
  /** `postgresql.conf` settings by name, with units turned into bytes, seconds or numbers. */
  setting(name: string): number | string | undefined;
}

/** One subject: a name for the list of what was looked at, and what it finds. */
export interface Check {
  name: string;
  run(patient: Patient): Promise<Finding[]>;
}

export const megabyte = 2 ** 20;

/** Bytes for people. */
export function showBytes(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GB`;
  if (bytes >= megabyte) return `${(bytes / megabyte).toFixed(0)} MB`;
  return `${(bytes / 1024).toFixed(0)} kB`;
}

/** A duration for people. */
export function showSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}
