import {
  AttributeIds,
  DataChangeFilter,
  DataChangeTrigger,
  DeadbandType,
  MonitoringMode,
  type NodeId,
  type StatusCode,
  StatusCodes,
  TimestampsToReturn,
} from 'node-opcua';
import type { Session } from './session.ts';
import { mostItemsPerSubscription, type WantedItem } from './wanted-items.ts';

/** An item as it lives on the server. */
export interface Item extends WantedItem {
  nodeId: NodeId;
  clientHandle: number;
  monitoredItemId: number;
  /** The queue that the server granted; smaller than asked for means a shorter outage is bridged. */
  revisedQueueSize: number;
  /** How often the server samples it; 0 where it reports each change. */
  revisedSamplingMs: number;
  /** Reports every new source time, not only changes of value and status. */
  hasTimeTrigger: boolean;
  /** Newest reading received; NaN before the first. */
  lastTimeUs: number;
  lastValue: unknown;
}

/** A subscription on the server, with what is needed to watch it. */
export interface Subscription {
  id: number;
  samplingMs: number;
  items: Map<number, Item>;
  /** Longest time between two answers, data or keep-alive. */
  keepAliveMs: number;
  publishingMs: number;
  /** How long it lives on, and its queues with it, while nobody fetches anything. */
  lifetimeMs: number;
  /** Sequence number that the next message with data should have. */
  nextSequence: number;
  /** Sequence numbers of messages that never arrived and have not been asked for again yet. */
  missing: number[];
  lastDataMs: number;
  lastAnswerMs: number;
  /** How long silence of data is left alone before the values are read and compared. */
  patienceMs: number;
  /** The server refuses more items here. */
  isFull: boolean;
}

export interface SubscriptionRules {
  publishingMs: number;
  outageSeconds: number;
  /** The shortest silence that is looked into. */
  silenceMs: number;
  monotonic: () => number;
}

const keepAliveMs = 5000;
let nextClientHandle = 1;

/** An empty subscription that publishes. Lives on without us for the outage it should bridge. */
export async function createSubscription(
  session: Session,
  samplingMs: number,
  rules: SubscriptionRules,
): Promise<Subscription> {
  const keepAliveCount = Math.max(3, Math.ceil(keepAliveMs / rules.publishingMs));
  const lifetimeCount = Math.max(keepAliveCount * 3, Math.ceil((rules.outageSeconds * 1000) / rules.publishingMs));
  const response = await session.createSubscription({
    requestedPublishingInterval: rules.publishingMs,
    requestedMaxKeepAliveCount: keepAliveCount,
    requestedLifetimeCount: lifetimeCount,
    maxNotificationsPerPublish: 0,
    // node-opcua's default is false, with which nothing ever arrives.
    publishingEnabled: true,
    priority: 0,
  });
  const nowMs = rules.monotonic();
  return {
    id: response.subscriptionId,
    samplingMs,
    items: new Map(),
    keepAliveMs: response.revisedPublishingInterval * response.revisedMaxKeepAliveCount,
    publishingMs: response.revisedPublishingInterval,
    lifetimeMs: response.revisedPublishingInterval * response.revisedLifetimeCount,
    nextSequence: 1,
    missing: [],
    lastDataMs: nowMs,
    lastAnswerMs: nowMs,
    patienceMs: Math.max(rules.silenceMs, samplingMs * 20),
    isFull: false,
  };
}

export interface Refusal {
  wanted: WantedItem;
  status: string;
}

/**
 * Creates `wanted` in `subscription`, at most `perCall` at once, and answers those that the server refused; the others
 * are in `subscription.items`. What no longer fits is answered in `rest`. Throws when the service itself fails.
 */
export async function createItems(
  session: Session,
  subscription: Subscription,
  wanted: readonly { wanted: WantedItem; nodeId: NodeId }[],
  perCall: number,
): Promise<{ refused: Refusal[]; rest: { wanted: WantedItem; nodeId: NodeId }[] }> {
  const refused: Refusal[] = [];
  const rest: { wanted: WantedItem; nodeId: NodeId }[] = [];
  for (let from = 0; from < wanted.length; from += perCall) {
    const chunk = wanted.slice(from, from + perCall);
    const room = subscription.isFull ? 0 : mostItemsPerSubscription - subscription.items.size;
    rest.push(...chunk.splice(room));
    if (chunk.length === 0) continue;
    const results = await createChunk(session, subscription, chunk, true);
    const withoutTrigger = chunk.filter((_, index) => isFilterRefusal(results[index]));
    const second = withoutTrigger.length === 0 ? [] : await createChunk(session, subscription, withoutTrigger, false);
    for (const [index, asked] of chunk.entries()) {
      const status = isFilterRefusal(results[index]) ? second[withoutTrigger.indexOf(asked)] : results[index];
      if (status === undefined || status.isGood()) continue;
      if (status.equals(StatusCodes.BadTooManyMonitoredItems) && subscription.items.size > 0) {
        subscription.isFull = true;
        rest.push(asked);
      } else refused.push({ wanted: asked.wanted, status: status.name });
    }
  }
  return { refused, rest };
}

async function createChunk(
  session: Session,
  subscription: Subscription,
  chunk: readonly { wanted: WantedItem; nodeId: NodeId }[],
  hasTimeTrigger: boolean,
): Promise<(StatusCode | undefined)[]> {
  const items = chunk.map(({ wanted, nodeId }) => ({
    ...wanted,
    nodeId,
    clientHandle: nextClientHandle++ >>> 0,
    monitoredItemId: 0,
    revisedQueueSize: 0,
    revisedSamplingMs: wanted.samplingMs,
    hasTimeTrigger,
    lastTimeUs: Number.NaN,
    lastValue: undefined,
  }));
  // Known before the request goes out, since the first notification may overtake its answer.
  for (const item of items) subscription.items.set(item.clientHandle, item);
  const request = {
    subscriptionId: subscription.id,
    timestampsToReturn: TimestampsToReturn.Both,
    itemsToCreate: items.map((item) => ({
      itemToMonitor: { nodeId: item.nodeId, attributeId: AttributeIds.Value },
      monitoringMode: MonitoringMode.Reporting,
      requestedParameters: {
        clientHandle: item.clientHandle,
        samplingInterval: item.samplingMs,
        queueSize: item.queueSize,
        discardOldest: true,
        filter: hasTimeTrigger ? timeTrigger : null,
      },
    })),
  };
  const { results } = await session.createMonitoredItems(request).catch((error: unknown) => {
    for (const item of items) subscription.items.delete(item.clientHandle);
    throw error;
  });
  for (const [index, item] of items.entries()) {
    const result = results?.[index];
    if (result?.statusCode.isGood() === true) {
      item.monitoredItemId = result.monitoredItemId;
      item.revisedQueueSize = result.revisedQueueSize;
      item.revisedSamplingMs = result.revisedSamplingInterval;
    } else subscription.items.delete(item.clientHandle);
  }
  return items.map((_, index) => results?.[index]?.statusCode);
}

/** A machine whose value did not change was still measured: each new source time is a reading. */
const timeTrigger = new DataChangeFilter({
  trigger: DataChangeTrigger.StatusValueTimestamp,
  deadbandType: DeadbandType.None,
  deadbandValue: 0,
});

function isFilterRefusal(status: StatusCode | undefined): boolean {
  return (
    status !== undefined &&
    (status.equals(StatusCodes.BadMonitoredItemFilterUnsupported) ||
      status.equals(StatusCodes.BadFilterNotAllowed) ||
      status.equals(StatusCodes.BadMonitoredItemFilterInvalid))
  );
}

/** Deletes items whose signals are gone, at most `perCall` at once. */
export async function deleteItems(
  session: Session,
  subscription: Subscription,
  items: readonly Item[],
  perCall: number,
): Promise<void> {
  for (const item of items) subscription.items.delete(item.clientHandle);
  for (let from = 0; from < items.length; from += perCall) {
    const monitoredItemIds = items.slice(from, from + perCall).map(({ monitoredItemId }) => monitoredItemId);
    await session.deleteMonitoredItems({ subscriptionId: subscription.id, monitoredItemIds });
    subscription.isFull = false;
  }
}
