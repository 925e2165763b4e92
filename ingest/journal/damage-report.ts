import type { Log } from '../../core/log.ts';
import type { Frame } from './frame.ts';
import type { Damage } from './segment-reader.ts';

/** What of the journal is lost, told once each: after a rewind the reader comes to the same place again. */
export interface DamageReport {
  readonly count: number;
  /** Bytes of a segment that are no whole record. Answers whether that is new. */
  damaged(path: string, damage: Damage): boolean;
  /** A whole record that cannot be decoded. */
  undecodable(path: string | undefined, frame: Frame, error: unknown): void;
}

/** Writes each damage to `log` as an error, and counts it. */
export function createDamageReport(log: Log): DamageReport {
  const reported = new Set<string>();

  function report(place: string, facts: object, message: string): boolean {
    if (reported.has(place)) return false;
    reported.add(place);
    log.error(facts, message);
    return true;
  }

  return {
    get count() {
      return reported.size;
    },
    damaged(path, { from, to }) {
      const message = 'damaged bytes in the journal were skipped; the readings in them are lost';
      return report(`${path}:${from}`, { path, from, to }, message);
    },
    undecodable(path, { sequence, readings }, error) {
      const message = 'a record of the journal cannot be decoded and was skipped; the readings in it are lost';
      report(`record ${sequence}`, { path, sequence, readings, error }, message);
    },
  };
}
