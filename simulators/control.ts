import { appendFileSync, closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { failureModes } from './machines/failure.ts';

const commandSchema = z.strictObject({
  command: z.literal('inject'),
  /** `site/line/machine` */
  machine: z.string(),
  fault: z.enum(failureModes),
  /** Plant hours from the first trace to the breakdown. */
  hours: z.number().positive(),
});
export type Command = z.output<typeof commandSchema>;

/** Asks the simulator that runs on this data directory for something, by one more line in its control file. */
export function sendCommand(file: string, command: Command): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(command)}\n`);
}

/**
 * Reads what is new in the control file each time it is called; lines from before the first call are history. A line
 * that is no command goes to `onWrong` in one sentence. Looking at the file's size once a second costs nothing
 * measurable, and works on every file system, which watching does not.
 */
export function createControl(
  file: string,
  onCommand: (command: Command) => void,
  onWrong: (sentence: string) => void,
): () => void {
  let position = size(file);
  let rest = '';
  return () => {
    const end = size(file);
    if (end < position) position = 0;
    if (end === position) return;
    const bytes = Buffer.alloc(end - position);
    const descriptor = openSync(file, 'r');
    try {
      readSync(descriptor, bytes, 0, bytes.length, position);
    } finally {
      closeSync(descriptor);
    }
    position = end;
    const lines = (rest + bytes.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((each) => each.trim() !== '')) read(line);
  };

  function read(line: string): void {
    try {
      onCommand(commandSchema.parse(JSON.parse(line)));
    } catch (error) {
      onWrong(`The control line ${line.slice(0, 200)} is no command: ${(error as Error).message}`);
    }
  }
}

function size(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
