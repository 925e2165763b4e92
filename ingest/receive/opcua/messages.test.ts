import { DataChangeNotification, NotificationMessage } from 'node-opcua';
import { expect, test } from 'vitest';
import { silentLog } from '../../../core/log.ts';
import { collectIntake } from '../testing/collecting-intake.ts';
import { createMessages, type MessagesOptions } from './messages.ts';
import type { Subscription } from './subscription.ts';

const messageOf = (sequenceNumber: number): NotificationMessage =>
  new NotificationMessage({
    sequenceNumber,
    publishTime: new Date(0),
    notificationData: [new DataChangeNotification({ monitoredItems: [] })],
  });

test('a message for which there is no room is not acknowledged, and asked for again when there is', async () => {
  const collected = collectIntake();
  let hasRoom = false;
  const acknowledged: number[] = [];
  const asked: number[] = [];
  const subscription = { id: 1, items: new Map(), nextSequence: 1, missing: [] } as unknown as Subscription;
  const messages = createMessages({
    source: { protocol: 'opcua', name: 'opc.tcp://test' },
    intake: {
      ...collected,
      handOver: (onDurable?: (token: number) => void) => hasRoom && collected.handOver(onDurable),
    },
    clock: () => 0,
    log: silentLog,
    counts: { notifications: 0, values: 0, queue_overflows: 0, republished_messages: 0, lost_messages: 0 },
    silenceMs: 1000,
    subscriptions: new Map([[1, subscription]]),
    loop: {
      acknowledge: (_: number, sequence: number) => void acknowledged.push(sequence),
      republish: async (_: number, sequence: number) => {
        asked.push(sequence);
        return messageOf(sequence);
      },
    },
    onHeard: () => undefined,
    onOverflow: () => undefined,
    onEnded: () => undefined,
  } as unknown as MessagesOptions);
  messages.receive(1, messageOf(1));
  messages.receive(1, messageOf(2));
  expect([acknowledged, subscription.missing]).toEqual([[], [1, 2]]);
  // Still no room: neither given up nor asked for in a circle.
  messages.resume();
  await expect.poll(() => asked).toEqual([1]);
  expect(subscription.missing).toEqual([1, 2]);
  hasRoom = true;
  messages.resume();
  await expect.poll(() => acknowledged).toEqual([1, 2]);
  expect([subscription.missing, subscription.nextSequence]).toEqual([[], 3]);
});
