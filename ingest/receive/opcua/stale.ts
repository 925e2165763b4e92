import { AttributeIds, type DataValue } from 'node-opcua';
import { Quality } from '../../../core/reading.ts';
import { addReading } from '../../resolve/add-reading.ts';
import type { SourceIntake } from '../receiver.ts';
import { isSameValue, timeUsOf } from './data-value.ts';
import type { KeptNumbers } from './kept-numbers.ts';
import { addValue } from './read-notification.ts';
import type { Session } from './session.ts';
import type { Item } from './subscription.ts';

/** A clock that runs further ahead than this is wrong; its times decide nothing here. */
const mostAheadUs = 60_000_000;

/**
 * Adds a reading "stale" without a value for each of `items` that has none yet, and answers how many.
 *
 * Its time is when the server was last heard, by the server's clock, and not when we gave up: what the server's queues
 * hand out later is newer than that and takes its place in order. `marks` (by signal, in µs) remembers them until `restMarks` is done with them.
 */
export function markStale(
  items: readonly Item[],
  heardUs: number,
  marks: KeptNumbers,
  into: SourceIntake,
  nowUs: number,
): number {
  let count = 0;
  for (const { signal, address, lastTimeUs } of items) {
    if (marks.get(String(signal.signal_id)) !== undefined) continue;
    const isUsable = lastTimeUs >= heardUs && lastTimeUs < nowUs + mostAheadUs;
    const timeUs = isUsable ? lastTimeUs + 1 : heardUs;
    addReading(into, address, signal, timeUs, null, Quality.stale, nowUs);
    marks.set(String(signal.signal_id), timeUs);
    count++;
  }
  return count;
}

/** Of `items` those that are marked and have not reported anything newer yet; the marks of the others end. */
export function listMarked(items: Iterable<Item>, marks: KeptNumbers): Item[] {
  const marked: Item[] = [];
  for (const item of items) {
    const name = String(item.signal.signal_id);
    const sinceUs = marks.get(name);
    if (sinceUs === undefined) continue;
    if (item.lastTimeUs > sinceUs) marks.delete(name);
    else marked.push(item);
  }
  return marked;
}

/** The present values of `items`, `perCall` at once. Throws when the server does not answer. */
export async function readValues(
  session: Session,
  items: readonly Item[],
  perCall: number,
): Promise<(DataValue | undefined)[]> {
  const values: (DataValue | undefined)[] = [];
  for (let from = 0; from < items.length; from += perCall) {
    const chunk = items.slice(from, from + perCall);
    const nodes = chunk.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }));
    const answers = await session.read(nodes, 0);
    values.push(...chunk.map((_, index) => answers[index]));
  }
  return values;
}

/**
 * Ends the mark of a signal at rest: a value that has not changed since before the mark is reported by nobody, and
 * holds at the time at which the server read it for us. One that has changed comes by its subscription. `values` are
 * those that the server has for `items` now.
 */
export function restMarks(
  items: readonly Item[],
  values: readonly (DataValue | undefined)[],
  marks: KeptNumbers,
  into: SourceIntake,
  nowUs: number,
): void {
  for (const [index, item] of items.entries()) {
    const value = values[index];
    const name = String(item.signal.signal_id);
    const sinceUs = marks.get(name);
    // What has reported while the values were read has ended its mark already.
    if (value === undefined || sinceUs === undefined || item.lastTimeUs > sinceUs) continue;
    const timeUs = timeUsOf(value);
    const isNew = timeUs > sinceUs;
    if (isNew && (item.hasTimeTrigger || !isSameValue(item.lastValue, value.value.value))) continue;
    // By the server's clock like the mark, so that a clock that is behind ours does not hide what follows.
    const readUs = (value.serverTimestamp?.getTime() ?? Number.NaN) * 1000;
    const restUs = readUs > sinceUs ? readUs : Math.max(nowUs, sinceUs + 1);
    addValue(item, value, into, nowUs, false, isNew ? timeUs : restUs);
    marks.delete(name);
  }
}
