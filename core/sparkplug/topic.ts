const namespace = 'spBv1.0';

export const verbs = ['NBIRTH', 'NDATA', 'NDEATH', 'NCMD', 'DBIRTH', 'DDATA', 'DDEATH', 'DCMD'] as const;
export type Verb = (typeof verbs)[number];

/** Where a Sparkplug message comes from or goes to; `device` is empty for the edge node itself. */
export interface SparkplugTopic {
  group: string;
  verb: Verb;
  edge: string;
  device: string;
}

/** Everything of the namespace, STATE messages included. */
export const everything = `${namespace}/#`;

/**
 * The parts of `spBv1.0/group/verb/edge[/device]`; undefined for anything else (STATE, other namespaces, an unknown
 * verb, a device where the verb takes none or none where it takes one, an empty part).
 */
export function parseTopic(topic: string): SparkplugTopic | undefined {
  const [space, group, verb, edge, device, ...more] = topic.split('/');
  if (space !== namespace || more.length > 0 || !isVerb(verb)) return undefined;
  if (group === undefined || group === '' || edge === undefined || edge === '') return undefined;
  if (verb.startsWith('D') ? device === undefined || device === '' : device !== undefined) return undefined;
  return { group, verb, edge, device: device ?? '' };
}

/** `spBv1.0/group/verb/edge[/device]`. */
export function formatTopic({ group, verb, edge, device }: SparkplugTopic): string {
  return device === '' ? `${namespace}/${group}/${verb}/${edge}` : `${namespace}/${group}/${verb}/${edge}/${device}`;
}

/** The STATE topic of a host application. */
export function stateTopic(hostId: string): string {
  return `${namespace}/STATE/${hostId}`;
}

/** The payload of a STATE message; birth and will of one connection carry the same `timestampMs`. */
export function encodeState(online: boolean, timestampMs: number): string {
  return JSON.stringify({ online, timestamp: timestampMs });
}

/** The content of a STATE message; undefined when it is not one. */
export function parseState(payload: string): { online: boolean; timestamp: number } | undefined {
  try {
    const state: unknown = JSON.parse(payload);
    if (typeof state !== 'object' || state === null) return undefined;
    const { online, timestamp } = state as { online?: unknown; timestamp?: unknown };
    return typeof online === 'boolean' && typeof timestamp === 'number' ? { online, timestamp } : undefined;
  } catch {
    return undefined;
  }
}

function isVerb(text: string | undefined): text is Verb {
  return (verbs as readonly (string | undefined)[]).includes(text);
}
