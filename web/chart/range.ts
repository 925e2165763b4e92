/** The time a page of trends shows: a length that ends now and moves, or two fixed instants. All of it is in the address. */
export type Range = { kind: 'live'; seconds: number; name: string } | { kind: 'fixed'; from_ms: number; to_ms: number };

export const liveRanges = [
  { name: '15m', label: '15 min', seconds: 900 },
  { name: '1h', label: '1 h', seconds: 3600 },
  { name: '8h', label: '8 h', seconds: 28_800 },
  { name: '24h', label: '24 h', seconds: 86_400 },
  { name: '7d', label: '7 d', seconds: 604_800 },
] as const;

/** The shortest range that a drag can choose. A slip of the mouse must not end in an empty picture. */
export const leastSeconds = 10;

/** Reads `range`, or `from` and `to` (ms since the epoch), of an address. Nonsense is the last hour's quarter. */
export function parseRange(range: string | null, from: string | null, to: string | null): Range {
  const [from_ms, to_ms] = [Number(from), Number(to)];
  if (
    from !== null &&
    to !== null &&
    Number.isFinite(from_ms) &&
    Number.isFinite(to_ms) &&
    to_ms - from_ms >= leastSeconds * 1000
  )
    return { kind: 'fixed', from_ms: Math.floor(from_ms), to_ms: Math.ceil(to_ms) };
  const { name, seconds } = liveRanges.find((one) => one.name === range) ?? liveRanges[0];
  return { kind: 'live', name, seconds };
}

/** The parameters of a zoom into [from, to] seconds, widened around its middle when it is too short. */
export function zoomQuery(from: number, to: number): Record<string, string | null> {
  const middle = (from + to) / 2;
  const half = Math.max((to - from) / 2, leastSeconds / 2);
  return { from: String(Math.floor((middle - half) * 1000)), to: String(Math.ceil((middle + half) * 1000)) };
}
