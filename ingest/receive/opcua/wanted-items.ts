import type { RegisteredSignal, SignalRegistry } from '../../resolve/signal-registry.ts';

/** A node that a server should report, because a signal comes from there. */
export interface WantedItem {
  address: string;
  signal: RegisteredSignal;
  /** True when the signal names no server, so that any of the configured ones may have the node. */
  isAnywhere: boolean;
  samplingMs: number;
  queueSize: number;
}

/** No more items in a subscription: Siemens S7-1500 and Kepware refuse the 1,001st (README.md). */
export const mostItemsPerSubscription = 1000;
const longestQueue = 60_000;
const eventSamplingMs = 250;

/**
 * What `registry` wants of the server with this endpoint URL and application URI. A source with the server's name wins
 * over one for any server.
 *
 * Sampled twice in the expected interval, so that a phase between the source's clock and the server's loses nothing;
 * values with an unchanged source time are not reported twice. What tells an event (a fault code, a state) is sampled
 * every 250 ms at the latest: its expected interval only says how often it is repeated, and a fault of 2 s between two
 * repetitions 60 s apart would never be seen. The queue holds what comes in `outageSeconds`.
 */
export function listWantedItems(
  registry: SignalRegistry,
  url: string,
  applicationUri: string,
  outageSeconds: number,
): Map<string, WantedItem> {
  const wanted = new Map<string, WantedItem>();
  for (const { server, address, signal } of registry.list('opcua')) {
    const isAnywhere = server === '';
    if (!isAnywhere && server !== url && server !== applicationUri) continue;
    if (isAnywhere && wanted.has(address)) continue;
    const halfIntervalMs = Math.max(1, Math.round(signal.expected_interval_seconds * 500));
    const samplingMs = signal.kind === 'measurement' ? halfIntervalMs : Math.min(halfIntervalMs, eventSamplingMs);
    const queueSize = Math.min(longestQueue, Math.max(2, Math.ceil((outageSeconds * 1000) / samplingMs)));
    wanted.set(address, { address, signal, isAnywhere, samplingMs, queueSize });
  }
  return wanted;
}

/** The items of one rate each, in the order of rates: one subscription never mixes them. */
export function groupByRate<Item extends { samplingMs: number }>(items: Iterable<Item>): Item[][] {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const group = groups.get(item.samplingMs) ?? [];
    group.push(item);
    groups.set(item.samplingMs, group);
  }
  return [...groups.entries()].sort(([a], [b]) => a - b).map(([, group]) => group);
}
