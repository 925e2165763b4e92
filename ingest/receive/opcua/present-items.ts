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
  const present = new Set((outputArguments?.[0]?.value ?? []) as Iterable<number>);
  return [...subscription.items.values()].filter(({ monitoredItemId }) => !present.has(monitoredItemId));
}
