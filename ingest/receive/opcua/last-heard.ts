import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * Until when each server was heard, kept over restarts, so that the time in which ingest did not run can be filled
 * from the server's history. One small file for all servers; losing it costs only that back-fill.
 */
export interface LastHeard {
  get(url: string): number | undefined;
  set(url: string, ms: number): void;
  /** Writes what was set since; failures are left to the next time. */
  save(): void;
}

const form = z.record(z.string(), z.number());

export function openLastHeard(dataDir: string): LastHeard {
  const directory = join(dataDir, 'opcua');
  const file = join(directory, 'last-heard.json');
  let times = new Map<string, number>();
  let isChanged = false;
  try {
    times = new Map(Object.entries(form.parse(JSON.parse(readFileSync(file, 'utf8')))));
  } catch {
    // No file at the first start, or a broken one: then there is nothing to fill.
  }
  return {
    get: (url) => times.get(url),
    set(url, ms) {
      times.set(url, ms);
      isChanged = true;
    },
    save() {
      if (!isChanged) return;
      try {
        mkdirSync(directory, { recursive: true });
        writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(times)));
        renameSync(`${file}.new`, file);
        isChanged = false;
      } catch {
        // A full disk is reported by the journal, which needs it more.
      }
    },
  };
}
