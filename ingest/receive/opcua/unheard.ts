import { type Clock, monotonic, pause } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import type { Intake, Source } from '../receiver.ts';
import type { KeptNumbers } from './kept-numbers.ts';
import type { ServerCounts } from './server-counts.ts';
import { markStale } from './stale.ts';
import type { Item } from './subscription.ts';

export interface UnheardOptions {
  source: Source;
  intake: Intake;
  registry: SignalRegistry;
  clock: Clock;
  log: Log;
  counts: ServerCounts;
  staleMarks: KeptNumbers;
  claims: ReadonlyMap<string, string>;
  /** So long a connection may be away before its signals are stale. */
  staleAfterMs: number;
  signal: AbortSignal;
}

/** The items of a server that is not heard any more: they become stale when it stays away, over all its sessions. */
export interface Unheard {
  /** The connection is lost; `heardMs` is when the server was last heard, by its clock. */
  begin(items: Iterable<Item>, heardMs: number): void;
  /** The server is heard again with `items`; those that it no longer has are stale at once. */
  end(items: Iterable<Item>): void;
}

const lookEveryMs = 250;

export function openUnheard(options: UnheardOptions): Unheard {
  const { source, intake, registry, clock, log, counts, claims, staleMarks } = options;
  let lost: { items: Item[]; heardMs: number; atMs: number } | undefined;

  async function watch(): Promise<void> {
    while (!options.signal.aborted) {
      await pause(lookEveryMs, options.signal);
      if (lost === undefined || options.signal.aborted || intake.isFull) continue;
      if (lost.items.length === 0 || monotonic() - lost.atMs < options.staleAfterMs) continue;
      mark(lost.items, lost.heardMs);
      // The marks know them now; a takeover by another server must not be undone by the next look.
      lost.items = [];
    }
  }

  function mark(items: readonly Item[], heardMs: number): void {
    const nowUs = clock() * 1000;
    const known = items.filter(
      ({ address, signal }) =>
        registry.signal(signal.signal_id) !== undefined && (claims.get(address) ?? source.name) === source.name,
    );
    if (known.length === 0) return;
    const into = intake.open(source);
    const count = markStale(known, Number.isNaN(heardMs) ? nowUs : heardMs * 1000, staleMarks, into, nowUs);
    intake.handOver();
    counts.stale_readings += count;
    staleMarks.save();
    if (count > 0) log.warn({ source: source.name, signals: count }, 'signals are stale: their server is not heard');
  }

  watch().catch((error: unknown) => log.error({ error, source: source.name }, 'stale signals are not marked any more'));
  return {
    begin(items, heardMs) {
      lost ??= { items: [...items], heardMs, atMs: monotonic() };
    },
    end(items) {
      const present = new Set<string>();
      for (const { address } of items) present.add(address);
      if (lost !== undefined)
        mark(
          lost.items.filter(({ address }) => !present.has(address)),
          lost.heardMs,
        );
      lost = undefined;
    },
  };
}
