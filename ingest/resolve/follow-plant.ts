import { pause } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';
import type { Protocol } from '../../core/reading.ts';
import { addressesToBackfill } from '../store/backfill.ts';
import type { SignalRegistry } from './signal-registry.ts';

export interface PlantFollower {
  close(): Promise<void>;
}

/**
 * Reads the signals anew whenever the plant changes, and asks for the back-fill of parked readings whose address has
 * become known. Many changes at once (an import) are one reading. Also runs once at the start, so that a mapping made
 * while ingest was away is back-filled too.
 */
export function followPlant(options: {
  database: Database;
  organizationId: number;
  registry: SignalRegistry;
  log: Log;
  backfill: (protocol: Protocol, address: string) => void;
}): PlantFollower {
  const { database, organizationId, registry, log } = options;
  const closing = new AbortController();
  let refreshing: Promise<void> | undefined;
  let again = false;
  // Asked for and perhaps still on its way through the journal: asking once more would only be an empty record.
  let asked = new Set<string>();

  async function refresh(): Promise<void> {
    do {
      again = false;
      try {
        await registry.load(database, organizationId);
        const waiting = await addressesToBackfill(database, organizationId);
        const keys = new Set(waiting.map(({ protocol, address }) => `${protocol}\t${address}`));
        for (const { protocol, address } of waiting) {
          if (!asked.has(`${protocol}\t${address}`)) options.backfill(protocol, address);
        }
        if (keys.size > 0)
          log.info({ addresses: keys.size }, 'addresses have become known, their parked readings are stored');
        asked = keys;
      } catch (error) {
        log.warn({ error }, 'the signals could not be read anew; the old ones stay in use until that succeeds');
        await pause(2000, closing.signal);
        again = true;
      }
    } while (again && !closing.signal.aborted);
  }

  function ring(): void {
    again = true;
    refreshing ??= refresh().finally(() => {
      refreshing = undefined;
    });
  }

  const listening = database.listen('plant_changed', ring, closing.signal);
  return {
    async close() {
      closing.abort();
      await listening;
      await refreshing;
    },
  };
}
