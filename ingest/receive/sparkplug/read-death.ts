import { Quality } from '../../../core/reading.ts';
import { addLost, addReading } from '../../resolve/add-reading.ts';
import { bindSignals } from './metric-table.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import type { SourceIntake } from '../receiver.ts';
import { bdSeqOf } from './read-birth.ts';
import type { Message } from './add-metric.ts';
import type { EdgeNode } from './edge-node.ts';
import { restartSequence } from './sequence.ts';

/**
 * An NDEATH. The will of an earlier connection may arrive after the birth of the next one; it has another bdSeq and
 * is ignored. False when it was.
 */
export function readNodeDeath(node: EdgeNode, message: Message, registry: SignalRegistry): boolean {
  const bdSeq = bdSeqOf(message.bytes, message.columns);
  if (node.online && bdSeq !== -1 && node.bdSeq !== -1 && bdSeq !== node.bdSeq) {
    node.counts.ignored_deaths++;
    return false;
  }
  markNodeStale(node, message.into, message.nowUs, registry);
  node.counts.deaths++;
  return true;
}

/**
 * The node is not heard any more: every mapped metric of the node and its devices gets a stale reading without a value
 * from the time of receipt on, because the will was written when the connection began and knows no better time.
 */
export function markNodeStale(node: EdgeNode, into: SourceIntake, nowUs: number, registry: SignalRegistry): void {
  if (!node.online) return;
  for (const device of node.born) markStale(node, device, into, nowUs, nowUs, registry);
  node.online = false;
  node.born.clear();
  node.bdSeq = -1;
  addLost(into, node.sequence.missing.size);
  node.counts.lost_messages += node.sequence.missing.size;
  restartSequence(node.sequence, -1);
}

/** A DDEATH: the device's metrics are stale from the time the edge node gives, which saw the device go. */
export function readDeviceDeath(node: EdgeNode, device: string, message: Message, registry: SignalRegistry): void {
  if (!node.born.delete(device)) return;
  const { columns, into, nowUs } = message;
  const saidUs = columns.timestamp_ms * 1000;
  markStale(node, device, into, Number.isNaN(saidUs) ? nowUs : saidUs, nowUs, registry);
}

/**
 * A mark stands a microsecond behind the millisecond of the death, and behind the last value when the edge node's clock
 * is ahead of ours: else that value would be the latest one, and good. Nor can the mark take the place of a reading that
 * is still stored at the edge node, since those have whole milliseconds.
 */

function markStale(
  node: EdgeNode,
  device: string,
  into: SourceIntake,
  timeUs: number,
  nowUs: number,
  registry: SignalRegistry,
): void {
  const { metrics } = node;
  bindSignals(metrics, registry);
  for (const index of metrics.byName.get(device)?.values() ?? []) {
    const signal = metrics.signal[index];
    // Nobody waits for a value of an address without a signal; parking "stale" there would only fill the room.
    if (signal === undefined) continue;
    const address = metrics.address[index] as string;
    const markUs = Math.max(timeUs, metrics.lastTimeUs[index] as number) + 1;
    addReading(into, address, signal, markUs, null, Quality.stale, nowUs);
    node.staleUs.set(address, markUs);
  }
}
