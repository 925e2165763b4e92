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
 * at the time of receipt, because the will was written when the connection began and knows no better time.
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
  node.staleSinceUs = nowUs;
  node.deviceStaleSinceUs.clear();
}

/** A DDEATH: the device's metrics are stale from the time the edge node gives, which saw the device go. */
export function readDeviceDeath(node: EdgeNode, device: string, message: Message, registry: SignalRegistry): void {
  if (!node.born.delete(device)) return;
  const { columns, into, nowUs } = message;
  const timeUs = columns.timestamp_ms * 1000;
  markStale(node, device, into, timeUs, nowUs, registry);
  node.deviceStaleSinceUs.set(device, Number.isNaN(timeUs) ? nowUs : timeUs);
}

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
    addReading(into, metrics.address[index] as string, signal, timeUs, null, Quality.stale, nowUs);
  }
}
