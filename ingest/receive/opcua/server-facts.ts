import type { Session } from './session.ts';

/** What a server says of itself. */
export interface ServerFacts {
  applicationUri: string;
  /** How many items it takes in one call, at most 1000 of ours. */
  itemsPerCall: number;
}

const ownItemsPerCall = 1000;
/** Server_ServerArray, and MaxMonitoredItemsPerCall of the ServerCapabilities' OperationLimits. */
const facts = [{ nodeId: 'i=2254' }, { nodeId: 'i=11714' }];

/** Reads the application URI (the first of the ServerArray) and the limits; a server that does not tell has none. */
export async function readServerFacts(session: Session): Promise<ServerFacts> {
  const [servers, limit] = await session.read(facts);
  const uris = (servers?.value.value ?? []) as string[];
  const most = Number(limit?.value.value ?? 0);
  return {
    applicationUri: uris[0] ?? '',
    itemsPerCall: most > 0 ? Math.min(most, ownItemsPerCall) : ownItemsPerCall,
  };
}
