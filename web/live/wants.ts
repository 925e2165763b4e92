/** What one tab needs besides what every page shows: the values of one machine, or none. */
export type Want = { values: 'none' } | { values: 'machine'; id: number };

/** The stream that every page lives on: states, OEE, alarms and orders of the whole plant, without the values. */
export const plantUrl = '/api/v1/stream?topics=states,oee,alarms,work_orders';

/**
 * The second stream, for the values of what the tabs of this browser show, or null when none shows any. A stream can be
 * narrowed to one machine only, so two tabs on two machines get the whole plant's values, about 50 KB a second.
 */
export function valuesUrl(wants: Iterable<Want>): string | null {
  const machines = new Set<number>();
  for (const want of wants) if (want.values === 'machine') machines.add(want.id);
  const [only] = machines;
  if (only === undefined) return null;
  return machines.size > 1 ? '/api/v1/stream?topics=values' : `/api/v1/stream?topics=values&machine=${only}`;
}
