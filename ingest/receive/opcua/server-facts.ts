import type { Session } from './session.ts';

/** What a server says of itself. */
export interface ServerFacts {
  applicationUri: string;
  /** How many items it takes in one call, at most 1000 of ours. */
  itemsPerCall: number;
  /** How many values it reads in one call. */
  nodesPerRead: number;
  /** Of how many nodes it reads the history in one call. */
  nodesPerHistoryRead: number;
}

const mostPerCall = 1000;
const mostPerHistoryRead = 50;
/**
 * Server_ServerArray, and of the ServerCapabilities' OperationLimits: MaxMonitoredItemsPerCall, MaxNodesPerRead and
 * MaxNodesPerHistoryReadData.
 */
const facts = [{ nodeId: 'i=2254' }, { nodeId: 'i=11714' }, { nodeId: 'i=11705' }, { nodeId: 'i=12165' }];

/** Reads the application URI (the first of the ServerArray) and the limits; a server that does not tell has none. */
export async function readServerFacts(session: Session): Promise<ServerFacts> {
  // One after the other: nobody knows yet whether the server reads more than one value in a call.
  const values: unknown[] = [];
  for (const fact of facts) values.push((await session.read(fact)).value.value);
  const [servers, items, reads, histories] = values;
  return {
    applicationUri: ((servers ?? []) as string[])[0] ?? '',
    itemsPerCall: limit(items, mostPerCall),
    nodesPerRead: limit(reads, mostPerCall),
    nodesPerHistoryRead: limit(histories, mostPerHistoryRead),
  };
}

/** 0 and nothing mean "no limit". */
function limit(said: unknown, own: number): number {
  const most = Number(said ?? 0);
  return most > 0 ? Math.min(most, own) : own;
}

/** The present time by the server's clock (Server_ServerStatus_CurrentTime); NaN when it does not tell. */
export async function readServerClock(session: Session): Promise<number> {
  const { value } = await session.read({ nodeId: 'i=2258' });
  return value.value instanceof Date ? value.value.getTime() : Number.NaN;
}
