import { pino, type Logger } from 'pino';

export type Log = Logger;

/**
 * The logger of a room. One line of JSON per event on standard output; the field `room` says who speaks.
 * Field names used everywhere: `source`, `signal_id`, `machine_id`, `queue`, `rows`, `error`.
 */
export function createLog(room: string, level: string): Log {
  return pino({ level, base: { room }, timestamp: pino.stdTimeFunctions.isoTime, errorKey: 'error' });
}

/** A logger that says nothing, for pure tests. */
export const silentLog: Log = pino({ level: 'silent' });
