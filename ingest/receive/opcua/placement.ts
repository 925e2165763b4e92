import type { NodeId } from 'node-opcua';
import { monotonic } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import type { Source } from '../receiver.ts';
import { resolveAddress } from './node-address.ts';
import { deleteSubscription, type Session } from './session.ts';
import { createItems, createSubscription, deleteItems, type Item, type Subscription } from './subscription.ts';
import { groupByRate, listWantedItems, mostItemsPerSubscription, type WantedItem } from './wanted-items.ts';

export interface PlacementOptions {
  session: Session;
  source: Source;
  applicationUri: string;
  registry: SignalRegistry;
  log: Log;
  /** Which server reports an address that any server may have. Shared by all servers. */
  claims: Map<string, string>;
  itemsPerCall: number;
  publishingMs: number;
  outageSeconds: number;
  silenceMs: number;
  /** Called after each new subscription, before its items: their first values may come at once. */
  onSubscription: () => void;
}

/** Which items are in which subscription of one session. */
export interface Placement {
  readonly subscriptions: Map<number, Subscription>;
  /** Addresses that the server should report and does not, with its reason; another server may report them. */
  readonly refused: ReadonlyMap<string, string>;
  /**
   * Brings the subscriptions in line with what the plant wants of this server: removes items without a signal, creates
   * those that are missing (each result is looked at), and tries again those that were refused. Must not run twice at
   * the same time. Throws when the server fails, not when it refuses single items.
   */
  align(namespaces: readonly string[]): Promise<void>;
}

interface Placed {
  wanted: WantedItem;
  nodeId: NodeId;
  samplingMs: number;
}

export function createPlacement(options: PlacementOptions): Placement {
  const { session, registry, log, claims } = options;
  const url = options.source.name;
  const subscriptions = new Map<number, Subscription>();
  const refused = new Map<string, string>();
  let itemsPerCall = options.itemsPerCall;
  let refusedBefore = 0;

  async function align(namespaces: readonly string[]): Promise<void> {
    const wanted = listWantedItems(registry, url, options.applicationUri, options.outageSeconds);
    const present = new Set<string>();
    for (const subscription of subscriptions.values()) {
      const gone: Item[] = [];
      for (const item of subscription.items.values()) {
        const still = wanted.get(item.address);
        if (still === undefined || still.samplingMs !== item.samplingMs) gone.push(item);
        else {
          item.signal = still.signal;
          present.add(item.address);
        }
      }
      await deleteItems(session, subscription, gone, itemsPerCall);
      for (const { address } of gone) if (claims.get(address) === url) claims.delete(address);
    }
    refused.clear();
    const missing: Placed[] = [];
    for (const item of wanted.values()) {
      if (present.has(item.address)) continue;
      const owner = item.isAnywhere ? claims.get(item.address) : undefined;
      if (owner !== undefined && owner !== url) continue;
      // Ours of an earlier subscription, until the server has created it again.
      if (owner === url) claims.delete(item.address);
      const nodeId = resolveAddress(item.address, namespaces);
      if (typeof nodeId === 'string') refused.set(item.address, nodeId);
      else missing.push({ wanted: item, nodeId, samplingMs: item.samplingMs });
    }
    for (const group of groupByRate(missing)) await place(group);
    // Said once, not at every attempt; the status of the source lists them.
    if (refused.size !== refusedBefore) {
      log.warn(
        { source: url, refused: refused.size, examples: [...refused].slice(0, 3) },
        'refused items have changed',
      );
    }
    refusedBefore = refused.size;
  }

  async function place(group: Placed[]): Promise<void> {
    const samplingMs = group[0]?.samplingMs ?? 1000;
    let rest: { wanted: WantedItem; nodeId: NodeId }[] = group;
    while (rest.length > 0) {
      let subscription = [...subscriptions.values()].find((one) => one.samplingMs === samplingMs && hasRoom(one));
      const isNew = subscription === undefined;
      if (subscription === undefined) {
        subscription = await createSubscription(session, samplingMs, { ...options, monotonic });
        subscriptions.set(subscription.id, subscription);
        options.onSubscription();
      }
      const asked = rest.length;
      const result = await createItems(session, subscription, rest, itemsPerCall).catch((error: unknown) => {
        if (!(error as Error).message.includes('BadTooManyOperations') || itemsPerCall <= 1) throw error;
        itemsPerCall = Math.ceil(itemsPerCall / 2);
        return undefined;
      });
      if (result === undefined) continue;
      for (const { wanted, status } of result.refused) refused.set(wanted.address, status);
      await settleClaims(subscription);
      rest = result.rest;
      if (isNew && rest.length + result.refused.length === asked) {
        for (const { wanted } of rest) refused.set(wanted.address, 'BadTooManyMonitoredItems');
        subscriptions.delete(subscription.id);
        await deleteSubscription(session, subscription.id);
        return;
      }
    }
  }

  /** Two servers may create the same node at the same moment: the one whose answer came first keeps it. */
  async function settleClaims(subscription: Subscription): Promise<void> {
    const late: Item[] = [];
    for (const item of subscription.items.values()) {
      if (!item.isAnywhere) continue;
      if ((claims.get(item.address) ?? url) === url) claims.set(item.address, url);
      else late.push(item);
    }
    if (late.length > 0) await deleteItems(session, subscription, late, itemsPerCall);
  }

  return { subscriptions, refused, align };
}

const hasRoom = (subscription: Subscription): boolean =>
  !subscription.isFull && subscription.items.size < mostItemsPerSubscription;
