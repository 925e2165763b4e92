import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MachineMemory } from './machines/machine.ts';

/** What the simulator finds again after a restart: where the plant's time stood, its counters, its failures under way. */
export interface Memory {
  time_ms: number;
  /** Counts the runs, so that each draws other chances; the first run of a seed is always the same. */
  runs: number;
  machines: Record<string, MachineMemory>;
  /** Sparkplug's bdSeq of each edge node, which must go on counting over restarts. */
  birth_death: Record<string, number>;
}

/** The memory in `file`; undefined when there is none, or none that can be read: a simulator may forget. */
export function readMemory(file: string): Memory | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Memory;
  } catch {
    return undefined;
  }
}

/** Written beside and renamed, so that a crash leaves the old one or the new one. */
export function writeJson(file: string, content: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(content)}\n`);
  renameSync(`${file}.new`, file);
}
