import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

/**
 * Numbers by name in one small file, kept over restarts: until when each server was heard (by its URL, ms) and how far
 * its clock is ahead of ours, so that the time in which ingest did not run can be filled from the server's history; and
 * since when a signal is marked stale (by its id, µs), so that a machine at rest does not stay stale after a restart.
 * Losing the file costs only that.
 */
export interface KeptNumbers {
  readonly size: number;
  get(name: string): number | undefined;
  set(name: string, value: number): void;
  delete(name: string): void;
  /** Writes what was changed since; failures are left to the next time. */
  save(): void;
}

const form = z.record(z.string(), z.number());

export function openKeptNumbers(file: string): KeptNumbers {
  let numbers = new Map<string, number>();
  let isChanged = false;
  try {
    numbers = new Map(Object.entries(form.parse(JSON.parse(readFileSync(file, 'utf8')))));
  } catch {
    // No file at the first start, or a broken one: then nothing is known.
  }
  return {
    get size() {
      return numbers.size;
    },
    get: (name) => numbers.get(name),
    set(name, value) {
      numbers.set(name, value);
      isChanged = true;
    },
    delete(name) {
      if (numbers.delete(name)) isChanged = true;
    },
    save() {
      if (!isChanged) return;
      try {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(numbers)));
        renameSync(`${file}.new`, file);
        isChanged = false;
      } catch {
        // A full disk is reported by the journal, which needs it more.
      }
    },
  };
}
