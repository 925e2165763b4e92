import { writeSync } from 'node:fs';
import { pino, type Logger } from 'pino';

export type Log = Logger;

/**
 * The logger of a room. One line of JSON per event on standard output; the field `room` says who speaks.
 * Field names used everywhere: `source`, `signal_id`, `machine_id`, `queue`, `rows`, `error`.
 */
export function createLog(room: string, level: string): Log {
  const options = { level, base: { room }, timestamp: pino.stdTimeFunctions.isoTime, errorKey: 'error' };
  return pino(options, { write: writeLine });
}

/** A logger that says nothing, for pure tests. */
export const silentLog: Log = pino({ level: 'silent' });

const standardOutput = 1;
const patienceMs = 1000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes one line, waits for a reader that is slow for up to a second, and gives the line up when the reader is gone.
 * pino's own writer tries a broken pipe again every 100 ms for ever once a line is left over: rooms whose supervisor had
 * been killed were found an hour later, still holding their locks.
 */
function writeLine(line: string): void {
  const bytes = Buffer.from(line);
  let from = 0;
  for (let waited = 0; from < bytes.length; ) {
    try {
      from += writeSync(standardOutput, bytes, from);
    } catch (error) {
      const { code } = error as { code?: string };
      if ((code !== 'EAGAIN' && code !== 'EBUSY') || waited >= patienceMs) return;
      Atomics.wait(sleeper, 0, 0, 10);
      waited += 10;
    }
  }
}
