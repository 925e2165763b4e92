import type { Clock } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';
import type { Queues } from '../../core/queues.ts';
import type { Protocol } from '../../core/reading.ts';
import type { Journal } from '../journal/journal.ts';
import type { SkewMeter } from '../ledger/skew.ts';
import type { SignalRegistry } from '../resolve/signal-registry.ts';
import type { Gateway } from './gateway.ts';
import type { StoreState } from './store-state.ts';

export interface StoreOptions {
  database: Database;
  queues: Pick<Queues, 'ring'>;
  journal: Journal;
  registry: SignalRegistry;
  gateway: Gateway;
  clock: Clock;
  log: Log;
  skew: SkewMeter;
  flushRows: number;
  flushMs: number;
  parkedMaxReadings: number;
  /** Called when an address has more parked readings than one transaction takes. */
  backfill: (protocol: Protocol, address: string) => void;
  /** The same for more rejected readings to replay than one transaction takes. */
  replay: () => void;
  farFutureHours: number;
  /** Days beyond the raw retention that may hold readings at once; mostOldDays of partitions.ts unless a test says less. */
  mostOldDays?: number;
}

export interface Store {
  /** The journal has more: store it within FLUSH_MS, or at once when FLUSH_ROWS wait. */
  ring(): void;
  readonly state: StoreState;
  /** Stores what the journal holds, as far as that is done within `limitMs`; the rest stays in the journal. */
  close(limitMs: number): Promise<void>;
}
