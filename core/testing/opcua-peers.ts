import { spawnSync } from 'node:child_process';

/**
 * The OPC UA servers of other makers that interoperability is tested with. Like TIMESCALE_TEST_URL these names are read
 * here and not in core/settings.ts, because they say what this machine has for tests, not how Millrace should run.
 */

/** The program of an open62541 server (docs/testing.md says what it must do); undefined when none is named. */
export function open62541Program(): string | undefined {
  const path = process.env['OPEN62541_TEST_SERVER'];
  return path === undefined || path === '' ? undefined : path;
}

/** A Python that can import asyncua: ASYNCUA_PYTHON, else python3; undefined when it cannot. */
export function asyncuaPython(): string | undefined {
  const python = process.env['ASYNCUA_PYTHON'] ?? 'python3';
  return spawnSync(python, ['-c', 'import asyncua'], { timeout: 20_000 }).status === 0 ? python : undefined;
}
