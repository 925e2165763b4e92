import type { DataValue, NotificationMessage } from 'node-opcua';
import { type Clock, monotonic, pause } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { Intake, Source } from '../receiver.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import { isDead, waitLonger } from './freshness.ts';
import { readHistory } from './history.ts';
import type { LastHeard } from './last-heard.ts';
import { createPlacement } from './placement.ts';
import { createPublishLoop, type PublishLoop } from './publish-loop.ts';
import { addValue, readNotification } from './read-notification.ts';
import { deleteSubscription, type Session, transferSubscription } from './session.ts';
import type { Item, Subscription } from './subscription.ts';

/** Counts over all sessions with one server, for people. */
export interface ServerCounts {
  notifications: number;
  values: number;
  lost_messages: number;
  republished_messages: number;
  queue_overflows: number;
  recreated_subscriptions: number;
  transferred_subscriptions: number;
  silent_subscriptions: number;
  backfilled_values: number;
  /** Outages of which the history gave nothing: what was measured then is lost, and how much nobody knows. */
  unfilled_outages: number;
  unfilled_seconds: number;
}

export interface ServerSessionOptions {
  session: Session;
  source: Source;
  applicationUri: string;
  intake: Intake;
  registry: SignalRegistry;
  clock: Clock;
  log: Log;
  lastHeard: LastHeard;
  counts: ServerCounts;
  /** Which server reports an address that any server may have. Shared by all servers. */
  claims: Map<string, string>;
  itemsPerCall: number;
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
  /** Creates everything, begins to publish, and fills the time since the server was last heard from its history. */
  start(): Promise<void>;
  /** The connection is gone; the server goes on collecting for the outage that it granted. */
  suspend(): void;
  /** The connection is back. */
  recover(): Promise<void>;
  /** Takes over what the plant has changed, and tries again what was refused. */
  adapt(): Promise<void>;
  /** Looks after silence; once a second. */
  look(): Promise<void>;
  close(): void;
}

const gapMemoryMs = 60_000;
const mostRepublished = 1000;
/**
 * Longer than node-opcua needs to notice a dead connection (a read every 5 s, given up after 10 s): it keeps the
 * session and with it the queues of the server, which a new session from here would not.
 */
const detectionMs = 20_000;

export function openServerSession(options: ServerSessionOptions): ServerSession {
  const { session, source, intake, clock, log, counts, claims } = options;
  const url = source.name;
  const closing = new AbortController();
  let namespaces: string[] = [];
  let isSuspended = true;
  let heardMs = options.lastHeard.get(url) ?? Number.NaN;
  /** Where the last outage began, as long as an overflow mark may still tell that the queues did not bridge it. */
  let gap: { fromMs: number; untilMs: number } | undefined;
  let nextRetryMs = monotonic() + options.retryItemsMs;
  let chain: Promise<unknown> = Promise.resolve();
  let backfilling: Promise<void> = Promise.resolve();

  const loop: PublishLoop = createPublishLoop({
    session,
    longestKeepAliveMs: () => Math.max(0, ...[...subscriptions.values()].map(({ keepAliveMs }) => keepAliveMs)),
    onResponse: receive,
    onNoSubscription: () => background('subscriptions are gone', recreate([...subscriptions.values()])),
    onError: (error) => log.warn({ error: error.message, source: url }, 'publishing has stopped'),
  });
  const placement = createPlacement({ ...options, onSubscription: resume });
  const { subscriptions, refused } = placement;
  const stopListening = intake.onFull((full) => (full ? loop.suspend() : resume()));

  /** One change of subscriptions at a time, so that none meets another halfway. */
  function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = chain.then(work);
    chain = result.catch(() => undefined);
    return result;
  }

  function background(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!closing.signal.aborted)
        options.onFailure(new Error(`${what}: ${(error as Error).message}`, { cause: error }));
    });
  }

  function resume(): void {
    if (isSuspended || closing.signal.aborted) return;
    for (const subscription of subscriptions.values()) subscription.lastAnswerMs = monotonic();
    if (!intake.isFull && subscriptions.size > 0) loop.run();
  }

  function receive(subscriptionId: number, message: NotificationMessage): void {
    const subscription = subscriptions.get(subscriptionId);
    if (subscription === undefined) return;
    subscription.lastAnswerMs = monotonic();
    heardMs = clock();
    options.lastHeard.set(url, heardMs);
    const seq = message.sequenceNumber;
    const ahead = (seq - subscription.nextSequence) >>> 0;
    // A keep-alive tells the number of the next message with data, and has none itself.
    const hasData = (message.notificationData ?? []).length > 0;
    if (ahead >= 0x8000_0000) {
      if (hasData) loop.acknowledge(subscriptionId, seq);
      return;
    }
    if (ahead > 0) background('filling a gap', fillGap(subscription, subscription.nextSequence, ahead));
    subscription.nextSequence = hasData ? following(seq) : seq;
    if (hasData) take(subscription, message);
  }

  function take(subscription: Subscription, message: NotificationMessage): void {
    const into = intake.open(source);
    const summary = readNotification(message, subscription, into, clock() * 1000);
    intake.handOver(() => loop.acknowledge(subscription.id, message.sequenceNumber));
    counts.notifications++;
    counts.values += summary.values;
    if (summary.values > 0) {
      subscription.lastDataMs = monotonic();
      subscription.patienceMs = Math.max(options.silenceMs, subscription.samplingMs * 20);
    }
    if (summary.overflows > 0) {
      counts.queue_overflows += summary.overflows;
      if (gap !== undefined && gap.untilMs > monotonic()) backfill(gap.fromMs);
      gap = undefined;
    }
    if (summary.ended !== null)
      background(`the server ended a subscription, ${summary.ended}`, recreate([subscription]));
  }

  /** Asks for messages that never arrived; those that the server has no more are lost. */
  async function fillGap(subscription: Subscription, first: number, count: number): Promise<void> {
    let lost = Math.max(0, count - mostRepublished);
    for (let offset = lost, seq = (first + lost) >>> 0; offset < count; offset++, seq = following(seq)) {
      const message = await loop.republish(subscription.id, seq);
      if (message === undefined) lost++;
      else {
        counts.republished_messages++;
        take(subscription, message);
      }
    }
    if (lost === 0) return;
    counts.lost_messages += lost;
    intake.open(source).lost_upstream += lost;
    intake.handOver();
    log.warn({ source: url, lost, subscription_id: subscription.id }, 'notification messages were lost');
  }

  function recreate(dead: readonly Subscription[]): Promise<void> {
    return exclusively(async () => {
      const fromMs = heardMs;
      for (const { id } of dead) {
        if (!subscriptions.delete(id)) continue;
        counts.recreated_subscriptions++;
        await deleteSubscription(session, id);
      }
      await placement.align(namespaces);
      resume();
      backfill(fromMs);
    });
  }

  /** Republishes what the server kept; a subscription of another session is taken over; false when it is gone. */
  async function revive(subscription: Subscription): Promise<boolean> {
    try {
      await republishAll(subscription);
      return true;
    } catch (error) {
      if (!/BadSubscriptionIdInvalid|BadSessionIdInvalid/.test((error as Error).message)) throw error;
    }
    if (!(await transferSubscription(session, subscription.id))) return false;
    counts.transferred_subscriptions++;
    await republishAll(subscription);
    return true;
  }

  async function republishAll(subscription: Subscription): Promise<void> {
    for (;;) {
      const message = await loop.republish(subscription.id, subscription.nextSequence);
      if (message === undefined) return;
      counts.republished_messages++;
      subscription.nextSequence = following(message.sequenceNumber);
      take(subscription, message);
    }
  }

  /** Reads the server's history since `fromMs` in the background; the store drops what it has already. */
  function backfill(fromMs: number): void {
    const toMs = clock();
    // Within two publications nothing can have been missed.
    if (Number.isNaN(fromMs) || toMs - fromMs < 2 * options.publishingMs) return;
    const items = [...subscriptions.values()].flatMap((subscription) => [...subscription.items.values()]);
    if (items.length === 0) return;
    const range = { fromMs: fromMs - 2000, toMs };
    const seconds = Math.round((toMs - fromMs) / 1000);
    function countUnfilled(): void {
      counts.unfilled_outages++;
      counts.unfilled_seconds += seconds;
    }
    backfilling = backfilling
      .then(() => readHistory(session, items, range, store, closing.signal))
      .then(({ values, without_history }) => {
        counts.backfilled_values += values;
        if (closing.signal.aborted) return;
        const facts = { source: url, values, without_history, seconds };
        if (values > 0) {
          log.info(facts, 'an outage was filled from the history');
          return;
        }
        // Some servers refuse, others answer "good" with nothing in it; for the reader of the books it is the same.
        countUnfilled();
        log.warn(
          facts,
          'nothing of an outage could be filled: the server keeps no history of it; how much is lost is unknown',
        );
      })
      .catch((error: unknown) => {
        if (!closing.signal.aborted) {
          const { message } = error as Error;
          countUnfilled();
          log.warn({ error: message, source: url, seconds }, 'an outage could not be filled from the history');
        }
      });
  }

  async function store(item: Item, values: readonly DataValue[]): Promise<void> {
    while (intake.isFull && !closing.signal.aborted) await pause(200, closing.signal);
    const into = intake.open(source);
    const nowUs = clock() * 1000;
    for (const value of values) addValue(item, value, into, nowUs, true);
    intake.handOver();
  }

  return {
    subscriptions,
    refused,
    async start() {
      namespaces = await session.readNamespaceArray();
      const fromMs = heardMs;
      await exclusively(async () => {
        isSuspended = false;
        await placement.align(namespaces);
      });
      resume();
      backfill(fromMs);
    },
    suspend() {
      isSuspended = true;
      loop.suspend();
    },
    async recover() {
      const now = await session.readNamespaceArray();
      if (now.join('\n') !== namespaces.join('\n')) throw new Error('the namespaces of the server have changed');
      gap = { fromMs: heardMs, untilMs: monotonic() + gapMemoryMs };
      const dead: Subscription[] = [];
      for (const subscription of subscriptions.values()) if (!(await revive(subscription))) dead.push(subscription);
      isSuspended = false;
      if (dead.length > 0) await recreate(dead);
      resume();
    },
    adapt: () => exclusively(() => placement.align(namespaces)),
    async look() {
      if (isSuspended || intake.isFull) return;
      const nowMs = monotonic();
      for (const subscription of subscriptions.values()) {
        const silentMs = nowMs - subscription.lastAnswerMs;
        if (silentMs > subscription.keepAliveMs * 3 + detectionMs) {
          throw new Error(`no keep-alive of a subscription for ${Math.round(silentMs / 1000)} s`);
        }
        if (subscription.items.size === 0 || nowMs - subscription.lastDataMs < subscription.patienceMs) continue;
        if (await isDead(session, subscription)) {
          counts.silent_subscriptions++;
          log.warn(
            { source: url, subscription_id: subscription.id },
            'a subscription has gone silent and is re-created',
          );
          await recreate([subscription]);
        } else waitLonger(subscription);
      }
      if (nowMs < nextRetryMs) return;
      nextRetryMs = nowMs + options.retryItemsMs;
      await exclusively(() => placement.align(namespaces));
    },
    close() {
      closing.abort();
      stopListening();
      loop.suspend();
      for (const [address, owner] of claims) if (owner === url) claims.delete(address);
    },
  };
}

/** Sequence numbers begin with 1 again after 2^32 - 1. */
const following = (seq: number): number => (seq === 0xffff_ffff ? 1 : seq + 1);
