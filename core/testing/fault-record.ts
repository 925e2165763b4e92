import { TestRunner } from 'vitest';

/** What a fault test found: a line of the table that ends `npm run test:faults`. */
export interface FaultRecord {
  /** What was done, such as `ingest killed with -9`. */
  fault: string;
  engine: string;
  /** How often it was done. */
  runs: number;
  /** Readings handed to the sender's own client. */
  sent: number;
  /** Distinct readings that the sender was told are taken. */
  acknowledged: number;
  /** Distinct readings in the database. */
  stored: number;
  /** Acknowledged and not in the database. */
  lost: number;
  /** In the database, its books or its feed more than once, or without having been sent. */
  doubled: number;
  /** The most memory that one of the watched processes had, in MB; missing where none was watched. */
  peak_mb?: number;
}

declare module 'vitest' {
  interface TaskMeta {
    faults?: FaultRecord[];
  }
}

/** Notes what the running test found, once for each fault that it caused. Call it before asserting, so that a loss stands in the table too. */
export function recordFault(record: FaultRecord): void {
  const test = TestRunner.getCurrentTest();
  if (test === undefined) throw new Error('A fault is recorded within a test.');
  (test.meta.faults ??= []).push(record);
}
