import { DataChangeNotification, type DataValue, type NotificationMessage, StatusChangeNotification } from 'node-opcua';
import { Quality } from '../../../core/reading.ts';
import { addLost, addReading, addRejected } from '../../resolve/add-reading.ts';
import type { SourceIntake } from '../receiver.ts';
import { hasOverflow, qualityOf, timeUsOf, typeNameOf, wireValueOf } from './data-value.ts';
import type { Item, Subscription } from './subscription.ts';

/** What a notification message held. */
export interface NotificationSummary {
  values: number;
  overflows: number;
  /** The server has ended the subscription; null while it lives. */
  ended: string | null;
}

/**
 * Adds every value of a message to the intake of its server. `onOverflow` is told each item of whose readings some fell
 * out of the server's queue, with the time of the last one before that.
 */
export function readNotification(
  message: NotificationMessage,
  subscription: Subscription,
  into: SourceIntake,
  nowUs: number,
  onOverflow: (item: Item, beforeUs: number) => void,
): NotificationSummary {
  const summary: NotificationSummary = { values: 0, overflows: 0, ended: null };
  for (const part of message.notificationData ?? []) {
    if (part instanceof DataChangeNotification) {
      for (const { clientHandle, value } of part.monitoredItems ?? []) {
        const item = subscription.items.get(clientHandle);
        // The last values of an item that was just deleted because its signal is gone.
        if (item === undefined) continue;
        summary.values++;
        const beforeUs = item.lastTimeUs;
        if (!addValue(item, value, into, nowUs, false)) continue;
        summary.overflows++;
        onOverflow(item, beforeUs);
      }
    } else if (part instanceof StatusChangeNotification && part.status.isBad()) {
      // Not GoodSubscriptionTransferred: it is meant for the session before ours, which some servers tell us by
      // Republish, and ending there would throw away the queue that was just taken over.
      summary.ended = part.status.name;
    }
  }
  return summary;
}

const live = { historical: false, payload: null };
const past = { historical: true, payload: null };

/**
 * Adds one value of an item, live or from the server's history. Answers true when the server says that readings
 * before this one fell out of its queue; how many is not known, so each such mark counts as one lost. `timeUs` is the
 * value's own time where nothing else is said.
 */
export function addValue(
  item: Item,
  value: DataValue,
  into: SourceIntake,
  nowUs: number,
  historical: boolean,
  timeUs = timeUsOf(value),
): boolean {
  const status = value.statusCode.value;
  const quality = qualityOf(status);
  const { signal, address } = item;
  if (!historical) {
    item.lastTimeUs = timeUs;
    item.lastValue = value.value?.value;
  }
  // "The value of a DataValue with a Bad status shall not be used" (OPC 10000-4, 7.11).
  const wire = quality === Quality.bad || value.value === null ? null : wireValueOf(value.value);
  if (wire === undefined) {
    const detail = `The value is of type ${typeNameOf(value.value)}; accepted is a single number, boolean or text.`;
    const more = { signal_id: signal.signal_id, time_us: timeUs };
    addRejected(into, address, 'unsupported_type', detail, null, more);
  } else {
    // A node that was never written says Null with status Good; a reading without a value is not a good one.
    const usedQuality = wire === null && quality === Quality.good ? Quality.bad : quality;
    addReading(into, address, signal, timeUs, wire, usedQuality, nowUs, historical ? past : live);
  }
  if (!hasOverflow(status)) return false;
  addLost(into, 1);
  return true;
}
