import { expect, test } from 'vitest';
import { bridgingOf } from './bridging.ts';
import type { Item, Subscription } from './subscription.ts';

const subscription = (lifetimeMs: number, items: Partial<Item>[]) =>
  ({ lifetimeMs, items: new Map(items.map((item, index) => [index, item as Item])) }) as unknown as Subscription;
const item = (address: string, revisedQueueSize: number, revisedSamplingMs: number, samplingMs = 500) => ({
  address,
  revisedQueueSize,
  revisedSamplingMs,
  samplingMs,
});

test('the shortest queue decides, and what is shorter than asked for is counted', () => {
  const granted = [subscription(300_000, [item('a', 600, 500), item('b', 100, 500), item('c', 100, 1000)])];
  expect(bridgingOf(granted, 300)).toEqual({
    least_seconds: 50,
    short_items: 2,
    example: { address: 'b', queue_size: 100, sampling_ms: 500, lifetime_seconds: 300 },
  });
});

test('a subscription that the server forgets earlier bridges no longer than it lives', () => {
  expect(bridgingOf([subscription(30_000, [item('a', 600, 500)])], 300)).toMatchObject({
    least_seconds: 30,
    short_items: 1,
  });
});

test('faster sampling than asked for empties the queue sooner; without sampling the asked rate counts', () => {
  expect(bridgingOf([subscription(1e6, [item('a', 600, 100)])], 300).least_seconds).toBe(60);
  expect(bridgingOf([subscription(1e6, [item('a', 600, 0)])], 300)).toMatchObject({
    least_seconds: 300,
    short_items: 0,
  });
  expect(bridgingOf([], 300).least_seconds).toBeNull();
});
