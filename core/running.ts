import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Settings } from './settings.ts';

/**
 * Where the parts of a running `npm start` answer, in DATA_DIR/running.json: the embedded parts have free ports, which
 * nobody who types a command can know. For commands only; rooms get their addresses from the supervisor's environment.
 */
const runningSchema = z.object({
  supervisor_pid: z.int().positive(),
  DATABASE_URL: z.string(),
  MQTT_URL: z.string(),
  OPCUA_URLS: z.array(z.string()).optional(),
  REDIS_URL: z.string().optional(),
  http_address: z.string(),
});
export type Running = z.output<typeof runningSchema>;

const fileOf = (dataDir: string): string => join(dataDir, 'running.json');

/** Writes the addresses of this supervisor, readable by its own account only, since URLs carry passwords. Answers the removal. */
export function tellRunning(dataDir: string, running: Running): () => void {
  const file = fileOf(dataDir);
  // Renamed into place, so that a command never reads half of it, and an older file's mode is not kept.
  const fresh = `${file}.${process.pid}`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, `${JSON.stringify(running, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, file);
  return () => rmSync(file, { force: true });
}

/**
 * The settings of a command, completed by the addresses of the Millrace that runs on the same DATA_DIR. What is set
 * stays as it is. The queues belong to their database, so REDIS_URL is taken only together with DATABASE_URL.
 */
export function settingsOfRunning(settings: Settings): Settings {
  const running = readRunning(settings.DATA_DIR);
  if (running === undefined) return settings;
  return Object.freeze({
    ...settings,
    DATABASE_URL: settings.DATABASE_URL ?? running.DATABASE_URL,
    REDIS_URL: settings.REDIS_URL ?? (settings.DATABASE_URL === undefined ? running.REDIS_URL : undefined),
    MQTT_URL: settings.MQTT_URL ?? running.MQTT_URL,
    OPCUA_URLS: settings.OPCUA_URLS ?? running.OPCUA_URLS,
  });
}

/** Undefined when nothing runs there: no file, one that cannot be read, or one of a supervisor that was killed. */
function readRunning(dataDir: string): Running | undefined {
  try {
    const parsed = runningSchema.safeParse(JSON.parse(readFileSync(fileOf(dataDir), 'utf8')));
    return parsed.success && isSupervisor(parsed.data.supervisor_pid) ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process lives and is a supervisor; after a restart of the machine its number may be another program's. */
export function isSupervisor(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process lives, under another account.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('supervisor');
  } catch {
    return true;
  }
}
