import { type Clock, monotonic, pause } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import type { Intake, Source } from '../receiver.ts';
import { createBackfill } from './backfill.ts';
import { type Bridging, bridgingOf } from './bridging.ts';
import { isDead, waitLonger } from './freshness.ts';
import { type Gaps, openGap } from './gaps.ts';
import type { KeptNumbers } from './kept-numbers.ts';
import { createMessages } from './messages.ts';
import { createPlacement } from './placement.ts';
import { listAbsentItems } from './present-items.ts';
import { createPublishLoop, type PublishLoop } from './publish-loop.ts';
import type { ServerCounts } from './server-counts.ts';
import type { ServerFacts } from './server-facts.ts';
import { deleteSubscription, type Session } from './session.ts';
import { listMarked, readValues, restMarks } from './stale.ts';
import type { Item, Subscription } from './subscription.ts';

export interface ServerSessionOptions {
  session: Session;
  source: Source;
  facts: ServerFacts;
  intake: Intake;
  registry: SignalRegistry;
  clock: Clock;
  log: Log;
  lastHeard: KeptNumbers;
  counts: ServerCounts;
  gaps: Gaps;
  staleMarks: KeptNumbers;
  /** Which server reports an address that any server may have. Shared by all servers. */
  claims: Map<string, string>;
  publishingMs: number;
  outageSeconds: number;
  silenceMs: number;
  retryItemsMs: number;
  /** Something that only a new session can put right. */
  onFailure: (error: Error) => void;
}

/** The life of the subscriptions in one session with one server. */
export interface ServerSession {
  readonly subscriptions: ReadonlyMap<number, Subscription>;
  /** Addresses that the server should report and does not, with its reason. */
  readonly refused: ReadonlyMap<string, string>;
  /** When the server was last heard, by its own clock where it tells; NaN before. */
  readonly heardServerMs: number;
  /** How long an outage the server has granted to bridge. */
  readonly bridging: Bridging;
  items(): Iterable<Item>;
  /** Creates everything, begins to publish, and fills the time since the server was last heard from its history. */
  start(): Promise<void>;
  /** The connection is gone; the server goes on collecting for the outage that it granted. */
  suspend(): void;
  /** The connection is back: takes what the server has kept, checks every item, creates what is missing. */
  recover(): Promise<void>;
  /** Takes over what the plant has changed, and tries again what was refused. */
  adapt(): Promise<void>;
  /** Looks after silence, gaps and marks; once a second. */
  look(): Promise<void>;
  close(): void;
}

/**
 * Longer than node-opcua needs to notice a dead connection (a read every 5 s, given up after 10 s): it keeps the
 * session and with it the queues of the server, which a new session from here would not.
 */
const detectionMs = 20_000;
const publishAgainMs = 1000;
/** An item that overflows all the time must not have its history read all the time. */
const fillOverflowsEveryMs = 10_000;
const dayMs = 86_400_000;

export function openServerSession(options: ServerSessionOptions): ServerSession {
  const { session, source, facts, intake, clock, log, counts, claims, gaps, staleMarks } = options;
  const url = source.name;
  const closing = new AbortController();
  let namespaces: string[] = [];
  let isSuspended = true;
  let heardMs = options.lastHeard.get(url) ?? Number.NaN;
  const aheadName = `${url} is ahead by`;
  let aheadMs = options.lastHeard.get(aheadName) ?? 0;
  let bridging = bridgingOf([], options.outageSeconds);
  let nextRetryMs = monotonic() + options.retryItemsMs;
  let nextFillMs = 0;
  let chain: Promise<unknown> = Promise.resolve();

  const loop: PublishLoop = createPublishLoop({
    session,
    longestKeepAliveMs: () => Math.max(0, ...[...subscriptions.values()].map(({ keepAliveMs }) => keepAliveMs)),
    onResponse: (subscriptionId, message) => messages.receive(subscriptionId, message),
    onNoSubscription: () => background('subscriptions are gone', recreate([...subscriptions.values()], heardMs)),
    onError(error) {
      log.warn({ error: error.message, source: url }, 'publishing has stopped');
      background('publishing again', pause(publishAgainMs, closing.signal).then(publish));
    },
  });
  const placement = createPlacement({ ...options, ...facts, onSubscription: publish });
  const { subscriptions, refused } = placement;
  const messages = createMessages({
    ...options,
    subscriptions,
    loop,
    onHeard(publishedMs) {
      heardMs = clock();
      options.lastHeard.set(url, heardMs);
      aheadMs = Math.abs(publishedMs - heardMs) < dayMs ? publishedMs - heardMs : 0;
      options.lastHeard.set(aheadName, aheadMs);
    },
    onOverflow({ address }, beforeUs) {
      if (!Number.isNaN(beforeUs) && !backfill.hasNoHistory(address))
        openGap(gaps, address, { fromMs: beforeUs / 1000 - aheadMs, aheadMs, isOutage: true });
    },
    onEnded: (subscription, reason) =>
      background(`the server ended a subscription, ${reason}`, recreate([subscription], heardMs)),
  });
  const backfill = createBackfill({
    ...options,
    ...facts,
    shortestMs: 2 * options.publishingMs,
    items,
    isConnected: () => !isSuspended,
    signal: closing.signal,
  });
  const stopListening = intake.onFull((full) => {
    if (full) loop.suspend();
    else {
      publish();
      messages.resume();
    }
  });

  function* items(): Iterable<Item> {
    for (const subscription of subscriptions.values()) yield* subscription.items.values();
  }

  /** One change of subscriptions at a time, so that none meets another halfway. */
  function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = chain.then(work);
    chain = result.catch(() => undefined);
    return result;
  }

  /** What fails while the connection is away is put right by `recover`; anything else needs a new session. */
  function background(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (closing.signal.aborted || isSuspended) return;
      options.onFailure(new Error(`${what}: ${(error as Error).message}`, { cause: error }));
    });
  }

  function publish(): void {
    if (!isSuspended && !closing.signal.aborted && !intake.isFull && subscriptions.size > 0) loop.run();
  }

  /** Silence counts from now on. */
  function resume(): void {
    for (const subscription of subscriptions.values()) subscription.lastAnswerMs = monotonic();
    publish();
  }

  /**
   * Creates what is missing. Where a gap is known to have begun (`fromMs`), every item that was created has it; what is
   * still refused has it when it comes.
   */
  async function align(fromMs = Number.NaN): Promise<void> {
    const before = new Set<string>();
    for (const { address } of items()) before.add(address);
    await placement.align(namespaces);
    // Not at each look: with 10,000 items it takes 5 ms.
    bridging = bridgingOf(subscriptions.values(), options.outageSeconds);
    const isOutage = !Number.isNaN(fromMs);
    if (isOutage) {
      for (const { address } of items())
        if (!before.has(address)) openGap(gaps, address, { fromMs, aheadMs, isOutage });
    }
    for (const address of refused.keys()) {
      if (claims.has(address)) gaps.delete(address);
      else openGap(gaps, address, { fromMs: isOutage ? fromMs : clock(), aheadMs, isOutage });
    }
    backfill.run();
  }

  function recreate(dead: readonly Subscription[], fromMs: number): Promise<void> {
    return exclusively(async () => {
      for (const subscription of dead) {
        if (!subscriptions.delete(subscription.id)) continue;
        counts.recreated_subscriptions++;
        messages.giveUp(subscription);
        await deleteSubscription(session, subscription.id);
      }
      await align(fromMs);
      resume();
    });
  }

  async function checkItems(): Promise<void> {
    for (const subscription of subscriptions.values()) {
      const absent = await listAbsentItems(session, subscription);
      for (const { clientHandle } of absent) subscription.items.delete(clientHandle);
      counts.recreated_items += absent.length;
    }
  }

  async function watchSilence(nowMs: number): Promise<void> {
    for (const subscription of subscriptions.values()) {
      const silentMs = nowMs - subscription.lastAnswerMs;
      if (silentMs > subscription.keepAliveMs * 3 + detectionMs) {
        throw new Error(`no keep-alive of a subscription for ${Math.round(silentMs / 1000)} s`);
      }
      const dataAgoMs = nowMs - subscription.lastDataMs;
      if (subscription.items.size === 0 || dataAgoMs < subscription.patienceMs) continue;
      if (await isDead(session, subscription, facts.nodesPerRead)) {
        counts.silent_subscriptions++;
        log.warn({ source: url, subscription_id: subscription.id }, 'a subscription has gone silent and is re-created');
        await recreate([subscription], clock() - dataAgoMs);
      } else waitLonger(subscription);
    }
  }

  async function endMarks(): Promise<void> {
    if (staleMarks.size === 0) return;
    const marked = listMarked(items(), staleMarks);
    const values = await readValues(session, marked, facts.nodesPerRead);
    if (marked.length === 0 || isSuspended) return;
    restMarks(marked, values, staleMarks, intake.open(source), clock() * 1000);
    intake.handOver();
  }

  async function lookAround(): Promise<void> {
    const nowMs = monotonic();
    await watchSilence(nowMs);
    await endMarks();
    if (nowMs >= nextFillMs) {
      nextFillMs = nowMs + fillOverflowsEveryMs;
      backfill.run();
    }
    if (nowMs < nextRetryMs) return;
    nextRetryMs = nowMs + options.retryItemsMs;
    await exclusively(() => align());
  }

  return {
    subscriptions,
    refused,
    get heardServerMs() {
      return heardMs + aheadMs;
    },
    get bridging() {
      return bridging;
    },
    items,
    async start() {
      namespaces = await session.readNamespaceArray();
      isSuspended = false;
      const fromMs = heardMs;
      await exclusively(() => align(fromMs));
      resume();
    },
    suspend() {
      isSuspended = true;
      loop.suspend();
    },
    async recover() {
      const now = await session.readNamespaceArray();
      if (now.join('\n') !== namespaces.join('\n')) throw new Error('the namespaces of the server have changed');
      const fromMs = heardMs;
      const dead: Subscription[] = [];
      for (const subscription of subscriptions.values())
        if (!(await messages.revive(subscription))) dead.push(subscription);
      isSuspended = false;
      await exclusively(checkItems);
      await recreate(dead, fromMs);
    },
    adapt: () => exclusively(() => align()),
    async look() {
      if (isSuspended || intake.isFull) return;
      await lookAround().catch((error: unknown) => {
        if (!isSuspended) throw error;
      });
    },
    close() {
      closing.abort();
      stopListening();
      loop.suspend();
      for (const [address, owner] of claims) if (owner === url) claims.delete(address);
    },
  };
}
