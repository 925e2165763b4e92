import { streamTopics, type StreamTopic } from '../schemas/stream.ts';

/** What one client wants to hear of: the whole plant, a line or a machine, and which topics. */
export interface Scope {
  line?: number;
  machine?: number;
  topics: ReadonlySet<StreamTopic>;
}

/** Clients with the same key share every event. */
export function scopeKey(scope: Scope): string {
  const topics = streamTopics.filter((topic) => scope.topics.has(topic)).join(',');
  return `${scope.line ?? ''}|${scope.machine ?? ''}|${topics}`;
}

/** Whether something on this machine and line concerns the scope. */
export function isInScope(scope: Scope, place: { machine_id: number; line_id: number }): boolean {
  return (
    (scope.machine === undefined || scope.machine === place.machine_id) &&
    (scope.line === undefined || scope.line === place.line_id)
  );
}

/** `values,oee` as a set; nothing means everything. */
export function parseTopics(text: string | undefined): Set<StreamTopic> {
  if (text === undefined) return new Set(streamTopics);
  const asked = new Set(text.split(','));
  return new Set(streamTopics.filter((topic) => asked.has(topic)));
}
