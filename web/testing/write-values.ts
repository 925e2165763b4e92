import type { Database } from '../../core/database.ts';
import { now, pause } from '../../core/clock.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';

export interface Source {
  /** The newest value written of each signal. */
  newest: Map<number, number>;
  /** The quality of what is written from now on: 192 good, 64 uncertain, 0 bad. */
  setQuality(quality: number): void;
  stop(): Promise<void>;
}

/** A source that speaks for some signals four times a second until it is stopped: a counter 1, 2, 3 …, so each value differs. */
export function startSource(database: Database, signalIds: number[]): Source {
  const stopping = new AbortController();
  const newest = new Map<number, number>();
  let quality = 192;
  let count = 0;
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const value = 50 + (++count % 100) / 10;
      const time_us = now() * 1000;
      await storeReadings(
        database,
        signalIds.map((signal_id) => ({ signal_id, time_us, value, quality })),
      );
      for (const id of signalIds) newest.set(id, value);
      await pause(250, stopping.signal);
    }
  }
  const done = run();
  return {
    newest,
    setQuality: (next) => {
      quality = next;
    },
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
