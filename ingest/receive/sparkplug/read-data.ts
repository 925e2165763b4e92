import type { PayloadColumns } from '../../../core/sparkplug/payload-columns.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import { addRejected } from '../../resolve/add-reading.ts';
import { addAnnounced, addMetric, addPlainMetric, addUnborn, type Message, timeOf, unbornRoom } from './add-metric.ts';
import { addressOf, type EdgeNode } from './edge-node.ts';
import { bindSignals, findAlias, findName } from './metric-table.ts';
import { isControl, nameOf } from './read-birth.ts';

/**
 * An NDATA or DDATA. Answers why a rebirth is needed, or an empty text. A metric that no birth has announced is
 * stored all the same when it says its name and datatype itself, as Tahu's libraries do; one that does not is
 * rejected as `before_birth`, because nobody can say what it measures; what has a name and a value can be replayed.
 */
export function readData(node: EdgeNode, device: string, message: Message, registry: SignalRegistry): string {
  const { bytes, columns, into } = message;
  const { metrics } = node;
  const isBorn = node.born.has(device);
  if (isBorn) bindSignals(metrics, registry);
  let need = isBorn ? '' : device === '' ? 'data before the birth of the node' : 'data before the birth of the device';
  let room = unbornRoom(node);
  let unreadable = 0;
  for (let row = 0; row < columns.length; row++) {
    let index = isBorn ? findAlias(metrics, columns.alias[row] as number) : -1;
    // An alias belongs to one device of the node; at another device it means that our table is not the sender's.
    if (index >= 0 && metrics.device[index] !== device) index = -1;
    if (index >= 0) {
      if (metrics.address[index] === '') continue;
      // A DATA message that does say a datatype knows better than a birth that was lost.
      const datatype = columns.datatype[row] || (metrics.datatype[index] as number);
      if (addPlainMetric(node.metrics, message, row, index, datatype)) continue;
      addAnnounced(node, message, row, index, datatype, timeOf(columns, row));
    } else if (!addNamed(node, device, message, row, registry, isBorn)) {
      const name = nameOf(bytes, columns, row);
      const called = name === '' ? `alias ${columns.alias[row]}` : `"${name.slice(0, 100)}"`;
      if (isBorn) need = `an unknown metric, ${called}`;
      // Without a birth an alias has no row of its own: aliases cannot even be told apart.
      if ((name === '' && !isBorn) || room <= 0) {
        unreadable++;
        continue;
      }
      room--;
      const address = addressOf(node, device, name || called);
      const detail = `No birth has announced the metric ${called}; a rebirth is being asked for.`;
      if (name === '' || !addUnborn(message, row, address, 0, detail)) {
        if (!isBorn) {
          unreadable++;
          continue;
        }
        addRejected(into, address, 'before_birth', detail, message.toKeep);
        message.toKeep = null;
      }
      node.unborn++;
    } else if (isBorn && findName(metrics, device, nameOf(bytes, columns, row)) < 0) {
      need = `a metric that no birth has announced, "${nameOf(bytes, columns, row).slice(0, 100)}"`;
    }
  }
  if (unreadable > 0) {
    const detail = `${unreadable} of ${columns.length} metrics came without a birth that says what they are; a rebirth is being asked for.`;
    addRejected(into, addressOf(node, device, ''), 'before_birth', detail, message.toKeep);
  }
  return need;
}

/** Whether births have announced every metric of the data; for what they have not, a birth may be on its way. */
export function isAnnounced(node: EdgeNode, device: string, bytes: Buffer, columns: PayloadColumns): boolean {
  const { metrics } = node;
  if (!node.born.has(device)) return false;
  for (let row = 0; row < columns.length; row++) {
    const index = findAlias(metrics, columns.alias[row] as number);
    if (index >= 0 && metrics.device[index] === device) continue;
    if (findName(metrics, device, nameOf(bytes, columns, row)) < 0) return false;
  }
  return true;
}

/** A metric that comes by its name; false when name and table together do not say what it is. */
function addNamed(
  node: EdgeNode,
  device: string,
  message: Message,
  row: number,
  registry: SignalRegistry,
  isBorn: boolean,
): boolean {
  const { bytes, columns } = message;
  const { metrics } = node;
  const name = nameOf(bytes, columns, row);
  if (name === '') return false;
  if (isControl(device, name)) return true;
  const index = isBorn ? findName(metrics, device, name) : -1;
  const datatype = columns.datatype[row] || (index < 0 ? 0 : (metrics.datatype[index] as number));
  if (datatype === 0) return false;
  const timeUs = timeOf(columns, row);
  if (index >= 0) addAnnounced(node, message, row, index, datatype, timeUs);
  else {
    const address = addressOf(node, device, name);
    const outcome = addMetric(message, row, address, registry.find('sparkplug', address), datatype, timeUs);
    if (outcome === 'transient') node.counts.transient_metrics++;
  }
  return true;
}
