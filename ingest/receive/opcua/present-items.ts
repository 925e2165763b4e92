import { DataType, StatusCodes, Variant } from 'node-opcua';
import type { Session } from './session.ts';
import type { Item, Subscription } from './subscription.ts';

/** The Server object and its method GetMonitoredItems (OPC 10000-5, 9.1). */
const serverObject = 'i=2253';
const getMonitoredItems = 'i=11492';

/**
 * The items of a subscription that the server has no more: after a reconnect or a transfer a server may have kept the
 * subscription and not all of its items, and says nothing. Empty when none is missing, and when the server cannot be
 * asked. Throws when the connection is lost.
 */
export async function listAbsentItems(session: Session, subscription: Subscription): Promise<Item[]> {
  const { statusCode, outputArguments } = await session.call({
    objectId: serverObject,
    methodId: getMonitoredItems,
    inputArguments: [new Variant({ dataType: DataType.UInt32, value: subscription.id })],
  });
  if (!statusCode.equals(StatusCodes.Good)) return [];
  const [ids, handles] = [0, 1].map((index) => new Set((outputArguments?.[index]?.value ?? []) as Iterable<number>));
  // A subscription without any item is more likely a server that does not tell; then the watch over silence decides.
  if (ids === undefined || handles === undefined || ids.size === 0) return [];
  return [...subscription.items.values()].filter(
    (item) => !ids.has(item.monitoredItemId) && !handles.has(item.clientHandle),
  );
}
