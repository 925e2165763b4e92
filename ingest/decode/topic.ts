import { fits, isSourceName, mostAddressBytes, mostSourceBytes } from '../resolve/safe-text.ts';

/** What a topic of the unified namespace means. `source` names the line that speaks. */
export type Topic =
  | { kind: 'signal'; source: string; address: string }
  | { kind: 'machine'; source: string; address: string }
  | { kind: 'wrong'; source: string; detail: string };

/**
 * Reads `<enterprise>/<site>/<line>/<machine>/<signal>` or, for machine-level payloads, `<enterprise>/<site>/<line>/<machine>`.
 * Anything else is wrong, with a sentence that says why; its source is the enterprise.
 */
export function readTopic(topic: string, enterprise: string): Topic {
  const levels = fits(topic, mostAddressBytes) && !topic.includes('\u0000') ? topic.split('/', 6) : [];
  const source = levels.slice(0, 3).join('/');
  if (
    levels.length < 4 ||
    levels.length > 5 ||
    levels[0] !== enterprise ||
    levels.includes('') ||
    !isSourceName(source)
  ) {
    const shown = topic.length > 80 ? `${topic.slice(0, 77)}…` : topic;
    return {
      kind: 'wrong',
      source: enterprise,
      detail: `The topic is "${shown}"; accepted is ${enterprise}/<site>/<line>/<machine>/<signal>, or ${enterprise}/<site>/<line>/<machine> with "values", up to ${mostAddressBytes} bytes, ${mostSourceBytes} of them up to the line, and without U+0000.`,
    };
  }
  return {
    kind: levels.length === 5 ? 'signal' : 'machine',
    source,
    address: topic,
  };
}
