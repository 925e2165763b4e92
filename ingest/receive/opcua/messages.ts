import type { NotificationMessage } from 'node-opcua';
import { type Clock, monotonic } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { Intake, Source } from '../receiver.ts';
import type { PublishLoop } from './publish-loop.ts';
import { readNotification } from './read-notification.ts';
import { aheadOf, following } from './sequence.ts';
import type { ServerCounts } from './server-counts.ts';
import { type Session, transferSubscription } from './session.ts';
import type { Item, Subscription } from './subscription.ts';

export interface MessagesOptions {
  session: Session;
  source: Source;
  intake: Intake;
  clock: Clock;
  log: Log;
  counts: ServerCounts;
  silenceMs: number;
  subscriptions: ReadonlyMap<number, Subscription>;
  loop: Pick<PublishLoop, 'acknowledge' | 'republish'>;
  /** The server was heard; by its own clock at `publishedMs`. */
  onHeard: (publishedMs: number) => void;
  /** Readings of an item fell out of the server's queue; the one before them has this time in µs. */
  onOverflow: (item: Item, beforeUs: number) => void;
  /** The server has ended a subscription. */
  onEnded: (subscription: Subscription, reason: string) => void;
}

/** The notification messages of one session: each once, the missing ones asked for again, the lost ones counted. */
export interface Messages {
  receive(subscriptionId: number, message: NotificationMessage): void;
  /**
   * After the connection was away: asks for every message that the server kept; a subscription that is another
   * session's by now is taken over. False when it is gone. Throws when the connection is.
   */
  revive(subscription: Subscription): Promise<boolean>;
  /** The journal takes readings again: asks for the messages that it refused. */
  resume(): void;
  /** The subscription is given up: what is still missing of it is lost. */
  giveUp(subscription: Subscription): void;
}

/** More is not asked for again: no server keeps so many. */
const mostMissing = 1000;

/** Takes a number out of the missing ones; false when it is none of them. */
function forget(missing: number[], sequence: number): boolean {
  const at = missing.indexOf(sequence);
  if (at >= 0) missing.splice(at, 1);
  return at >= 0;
}

export function createMessages(options: MessagesOptions): Messages {
  const { session, source, intake, clock, log, counts, loop, subscriptions } = options;
  const asking = new Set<Subscription>();

  function receive(subscriptionId: number, message: NotificationMessage): void {
    const subscription = subscriptions.get(subscriptionId);
    if (subscription === undefined) return;
    subscription.lastAnswerMs = monotonic();
    options.onHeard(message.publishTime?.getTime() ?? Number.NaN);
    const { sequenceNumber } = message;
    const ahead = aheadOf(subscription.nextSequence, sequenceNumber);
    // A keep-alive tells the number of the next message with data, and has none itself.
    const hasData = (message.notificationData ?? []).length > 0;
    if (ahead < 0) {
      if (!hasData) return;
      // One that others have overtaken comes for the first time; what we have already only needs its acknowledgement.
      if (!forget(subscription.missing, sequenceNumber)) loop.acknowledge(subscriptionId, sequenceNumber);
      else if (!take(subscription, message)) subscription.missing.unshift(sequenceNumber);
      return;
    }
    if (ahead > 0) miss(subscription, ahead);
    subscription.nextSequence = hasData ? following(sequenceNumber) : sequenceNumber;
    if (hasData && !take(subscription, message)) subscription.missing.push(sequenceNumber);
  }

  /** False when there was no room for the message: it is not acknowledged, so that the server keeps it. */
  function take(subscription: Subscription, message: NotificationMessage): boolean {
    const into = intake.open(source);
    const summary = readNotification(message, subscription, into, clock() * 1000, options.onOverflow);
    if (!intake.handOver(() => loop.acknowledge(subscription.id, message.sequenceNumber))) return false;
    counts.notifications++;
    counts.values += summary.values;
    counts.queue_overflows += summary.overflows;
    if (summary.values > 0) {
      subscription.lastDataMs = monotonic();
      subscription.patienceMs = Math.max(options.silenceMs, subscription.samplingMs * 20);
    }
    if (summary.ended !== null) options.onEnded(subscription, summary.ended);
    return true;
  }

  function miss(subscription: Subscription, count: number): void {
    const { missing } = subscription;
    for (let seq = subscription.nextSequence, left = count; left > 0; seq = following(seq), left--) {
      if (left <= mostMissing) missing.push(seq);
    }
    const tooMany = Math.max(0, count - mostMissing) + Math.max(0, missing.length - mostMissing);
    missing.splice(0, missing.length - mostMissing);
    lose(subscription, tooMany);
    askInBackground(subscription);
  }

  function askInBackground(subscription: Subscription): void {
    askAgain(subscription).catch((error: unknown) => {
      // The connection is gone; they are asked for when it is back.
      log.debug({ error: (error as Error).message, source: source.name }, 'missing messages cannot be asked for yet');
    });
  }

  /** Asks for the messages that never arrived; those that the server has no more are lost. */
  async function askAgain(subscription: Subscription): Promise<void> {
    if (asking.has(subscription)) return;
    asking.add(subscription);
    let lost = 0;
    try {
      for (let seq = subscription.missing[0]; seq !== undefined; seq = subscription.missing[0]) {
        const message = await loop.republish(subscription.id, seq);
        // It has come by itself meanwhile.
        if (!forget(subscription.missing, seq)) continue;
        if (message === undefined) lost++;
        else if (take(subscription, message)) counts.republished_messages++;
        else {
          subscription.missing.unshift(seq);
          break;
        }
      }
    } finally {
      asking.delete(subscription);
      lose(subscription, lost);
    }
  }

  function lose(subscription: Subscription, count: number): void {
    if (count <= 0) return;
    counts.lost_messages += count;
    intake.open(source).lost_upstream += count;
    intake.handOver();
    log.warn(
      { source: source.name, lost: count, subscription_id: subscription.id },
      'notification messages were lost: the server has them no more',
    );
  }

  async function revive(subscription: Subscription): Promise<boolean> {
    try {
      await fetchKept(subscription);
      return true;
    } catch (error) {
      if (!/BadSubscriptionIdInvalid|BadSessionIdInvalid/.test((error as Error).message)) throw error;
    }
    if (!(await transferSubscription(session, subscription.id))) return false;
    counts.transferred_subscriptions++;
    await fetchKept(subscription);
    return true;
  }

  async function fetchKept(subscription: Subscription): Promise<void> {
    await askAgain(subscription);
    for (;;) {
      const message = await loop.republish(subscription.id, subscription.nextSequence);
      if (message === undefined) return;
      if (!take(subscription, message)) return;
      counts.republished_messages++;
      subscription.nextSequence = following(message.sequenceNumber);
    }
  }

  return {
    receive,
    revive,
    resume() {
      for (const subscription of subscriptions.values())
        if (subscription.missing.length > 0) askInBackground(subscription);
    },
    giveUp(subscription) {
      lose(subscription, subscription.missing.length);
      subscription.missing = [];
    },
  };
}
