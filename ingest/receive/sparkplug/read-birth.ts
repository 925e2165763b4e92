import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { birthDeathMetric } from '../../../core/sparkplug/messages.ts';
import { readNumber } from '../../../core/sparkplug/metric-value.ts';
import { Flag, type PayloadColumns } from '../../../core/sparkplug/payload-columns.ts';
import { addLost, addRejected } from '../../resolve/add-reading.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import { addAnnounced, addUnborn, type Message, timeOf, unbornRoom } from './add-metric.ts';
import { addressOf, type EdgeNode } from './edge-node.ts';
import { announceMetric, bindSignals, createMetricTable } from './metric-table.ts';
import { noteBirth } from './rebirth.ts';
import { restartSequence } from './sequence.ts';

const controlFolder = 'Node Control/';

/** An NBIRTH: a new session begins. Everything announced before is void until the devices are born again. */
export function readNodeBirth(node: EdgeNode, message: Message, registry: SignalRegistry): void {
  const { bytes, columns } = message;
  node.online = true;
  node.bdSeq = bdSeqOf(bytes, columns);
  node.metrics = createMetricTable();
  node.born = new Set(['']);
  node.unborn = 0;
  node.counts.births++;
  // What was still missing of the old count will not be told from the new one any more.
  addLost(message.into, node.sequence.missing.size);
  node.counts.lost_messages += node.sequence.missing.size;
  restartSequence(node.sequence, columns.seq);
  noteBirth(node.rebirth);
  readMetrics(node, '', message, registry);
}

/** A DBIRTH: the device's metrics, old and new. Answers why a rebirth is needed, or an empty text. */
export function readDeviceBirth(node: EdgeNode, device: string, message: Message, registry: SignalRegistry): string {
  if (!node.online) {
    // Aliases are unique within a session of the node, so without the node's birth they cannot be told from old ones.
    const detail = 'The device was born before its edge node; a rebirth is being asked for.';
    const { bytes, columns } = message;
    const toTry = Math.min(columns.length, unbornRoom(node));
    let kept = 0;
    for (let row = 0; row < toTry; row++) {
      const name = nameOf(bytes, columns, row);
      const address = addressOf(node, device, name);
      if (name !== '' && addUnborn(message, row, address, columns.datatype[row] as number, detail)) kept++;
    }
    node.unborn += kept;
    if (kept < columns.length || kept === 0)
      addRejected(message.into, addressOf(node, device, ''), 'before_birth', detail, bytes);
    return 'the birth of a device before that of its node';
  }
  node.born.add(device);
  node.unborn = 0;
  readMetrics(node, device, message, registry);
  return '';
}

/** The bdSeq of an NBIRTH or NDEATH, or -1. The specification's examples use Int64 and UInt64, vendors use any. */
export function bdSeqOf(bytes: Buffer, columns: PayloadColumns): number {
  for (let row = 0; row < columns.length; row++) {
    if (nameOf(bytes, columns, row) !== birthDeathMetric) continue;
    const number = readNumber(columns, row, columns.datatype[row] || Datatype.UInt64);
    return Number.isNaN(number) ? -1 : number;
  }
  return -1;
}

/** The name of a metric; empty when the message gives only an alias. */
export function nameOf(bytes: Buffer, columns: PayloadColumns, row: number): string {
  const start = columns.name_start[row] as number;
  return start < 0 ? '' : bytes.toString('utf8', start, columns.name_end[row]);
}

/** What a node offers to be commanded with, and its session's number: nothing of it is a reading, in data neither. */
export function isControl(device: string, name: string): boolean {
  return device === '' && (name === birthDeathMetric || name.startsWith(controlFolder));
}

function readMetrics(node: EdgeNode, device: string, message: Message, registry: SignalRegistry): void {
  const { bytes, columns } = message;
  const { metrics } = node;
  const indexes = new Int32Array(columns.length).fill(-1);
  for (let row = 0; row < columns.length; row++) {
    const name = nameOf(bytes, columns, row);
    const datatype = columns.datatype[row] as number;
    const alias = columns.alias[row] as number;
    const isReading = !isControl(device, name);
    // Without an address: data may come by its alias and must be known for what they are.
    const address = isReading ? addressOf(node, device, name) : '';
    const index = announceMetric(metrics, device, name, address, datatype, alias);
    if (isReading) indexes[row] = index;
  }
  bindSignals(metrics, registry);
  for (let row = 0; row < columns.length; row++) {
    const index = indexes[row] as number;
    if (index < 0) continue;
    const timeUs = birthTimeOf(node, metrics.address[index] as string, message, row);
    addAnnounced(node, message, row, index, metrics.datatype[index] as number, timeUs);
  }
}

/**
 * A birth says "this is the value now". A node that reports by exception gives the time of the last change, which may
 * lie before the mark that made the metric stale; stored there, the latest reading would stay stale until the next
 * change. Such a value counts from the birth itself, and from right behind the mark when even that lies ahead, because
 * the node's clock has been set back meanwhile.
 */
function birthTimeOf(node: EdgeNode, address: string, { columns, nowUs }: Message, row: number): number {
  const timeUs = timeOf(columns, row);
  if (((columns.flags[row] as number) & Flag.historical) !== 0) return timeUs;
  const staleUs = node.staleUs.get(address);
  if (staleUs === undefined) return timeUs;
  node.staleUs.delete(address);
  if (timeUs > staleUs) return timeUs;
  const sentUs = columns.timestamp_ms * 1000;
  if (sentUs > staleUs) return sentUs;
  return nowUs > staleUs ? Number.NaN : staleUs + 1;
}
