import type { DataValue } from 'node-opcua';
import { isSameValue, timeUsOf } from './data-value.ts';
import type { Session } from './session.ts';
import { readValues } from './stale.ts';
import type { Item, Subscription } from './subscription.ts';

const mostProbed = 100;
const longestPatienceMs = 600_000;

/**
 * Whether a subscription is dead although it answers. A server may go on sending keep-alives for a subscription whose
 * sampling has stopped (several peers hang for days like this), and a plant at night looks the same: so the values
 * are read once and compared with what was reported last. Silence with new values is death, silence without is rest.
 */
export async function isDead(session: Session, subscription: Subscription, perCall: number): Promise<boolean> {
  const items = [...subscription.items.values()].slice(0, mostProbed);
  const values = await readValues(session, items, perCall);
  return items.some((item, index) => wasMissed(item, values[index], subscription));
}

/** After a look that found the source at rest, the next one waits twice as long. */
export function waitLonger(subscription: Subscription): void {
  subscription.patienceMs = Math.min(longestPatienceMs, subscription.patienceMs * 2);
}

/** True when the server has a reading that it should have reported long ago. */
export function wasMissed(item: Item, value: DataValue | undefined, subscription: Subscription): boolean {
  if (value === undefined || value.statusCode.isNotGood()) return false;
  const timeUs = timeUsOf(value);
  if (Number.isNaN(item.lastTimeUs)) return true;
  // What came just now may still be on its way to us.
  const slackUs = 2000 * (item.samplingMs + subscription.publishingMs) + 1_000_000;
  const isNewer = timeUs > item.lastTimeUs + slackUs;
  // Without the time trigger a server reports only changes, and a newer time alone proves nothing.
  return isNewer && (item.hasTimeTrigger || !isSameValue(item.lastValue, value.value.value));
}
