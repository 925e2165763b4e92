import { NodeId, NodeIdType } from 'node-opcua';

/** What an address of signal_source says: a namespace by URI or by index, and the identifier as it was written. */
interface NodeAddress {
  uri: string | null;
  index: number;
  kind: string;
  identifier: string;
}

/**
 * The node id of an address on a server with these namespaces, or a sentence why there is none.
 *
 * Addresses are `nsu=<namespace URI>;<i|s|g|b>=<identifier>`; in the URI `;` and `%` are written %3B and %25
 * (OPC 10000-6, 5.3.1.10). `ns=<index>;…` and a bare `i=2258` are taken too, but an index may mean another namespace
 * after the server's next start, so addresses with a URI are resolved anew after every reconnect.
 */
export function resolveAddress(address: string, namespaces: readonly string[]): NodeId | string {
  const parsed = parseAddress(address);
  if (parsed === undefined) {
    return `The address "${address}" is no node id; accepted is nsu=<namespace URI>;s=<identifier> (or i=, g=, b=).`;
  }
  const index = parsed.uri === null ? parsed.index : namespaces.indexOf(parsed.uri);
  if (index < 0) return `The server has no namespace "${parsed.uri}".`;
  return makeNodeId(parsed.kind, parsed.identifier, index) ?? `The identifier of "${address}" cannot be read.`;
}

function parseAddress(address: string): NodeAddress | undefined {
  const match = /^(?:nsu=([^;]*);|ns=(\d{1,5});)?([isgb])=([^]*)$/.exec(address);
  if (match === null) return undefined;
  const [, uri, index, kind = '', identifier = ''] = match;
  if (uri === undefined) return { uri: null, index: Number(index ?? 0), kind, identifier };
  return { uri: uri.replaceAll(/%3B/gi, ';').replaceAll('%25', '%'), index: -1, kind, identifier };
}

function makeNodeId(kind: string, identifier: string, namespace: number): NodeId | undefined {
  switch (kind) {
    case 's':
      return new NodeId(NodeIdType.STRING, identifier, namespace);
    case 'i':
      if (!/^\d{1,10}$/.test(identifier) || Number(identifier) > 0xffff_ffff) return undefined;
      return new NodeId(NodeIdType.NUMERIC, Number(identifier), namespace);
    case 'g':
      if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(identifier)) return undefined;
      return new NodeId(NodeIdType.GUID, identifier.toUpperCase(), namespace);
    default:
      return new NodeId(NodeIdType.BYTESTRING, Buffer.from(identifier, 'base64'), namespace);
  }
}
