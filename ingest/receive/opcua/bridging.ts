import type { Item, Subscription } from './subscription.ts';

/** How long an outage the queues of a server bridge, by what it has granted. */
export interface Bridging {
  /** Of the worst item, in seconds; null without items. */
  least_seconds: number | null;
  /** How many items bridge less than was asked for. */
  short_items: number;
  example: { address: string; queue_size: number; sampling_ms: number; lifetime_seconds: number } | undefined;
}

/**
 * A server may grant shorter queues and a shorter life of the subscription than asked for, and says so only in its
 * answer. What lies beyond is lost silently when nobody looks.
 */
export function bridgingOf(subscriptions: Iterable<Subscription>, outageSeconds: number): Bridging {
  const bridging: Bridging = { least_seconds: null, short_items: 0, example: undefined };
  for (const subscription of subscriptions) {
    for (const item of subscription.items.values()) {
      const seconds = Math.floor(Math.min(subscription.lifetimeMs, queueMs(item)) / 1000);
      if (seconds < outageSeconds) bridging.short_items++;
      if (bridging.least_seconds !== null && seconds >= bridging.least_seconds) continue;
      bridging.least_seconds = seconds;
      bridging.example = {
        address: item.address,
        queue_size: item.revisedQueueSize,
        sampling_ms: item.revisedSamplingMs,
        lifetime_seconds: Math.floor(subscription.lifetimeMs / 1000),
      };
    }
  }
  return bridging;
}

function queueMs({ revisedQueueSize, revisedSamplingMs, samplingMs }: Item): number {
  return revisedQueueSize * (revisedSamplingMs > 0 ? revisedSamplingMs : samplingMs);
}
