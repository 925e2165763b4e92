/** What can be said about a value at this moment. The same words stand on every page and in web/README.md. */
export type DataState = 'live' | 'late' | 'stale' | 'uncertain' | 'bad' | 'offline' | 'never';

export interface Observation {
  /** Source time of the newest reading in ms, or null when there never was one. */
  time_ms: number | null;
  /** 0 bad, 64 uncertain, 192 good, 500 stale (core/reading.ts). */
  quality: number;
  /** How often the signal is expected to speak. */
  expected_interval_seconds: number;
  /** Whether its source is connected; null when the source does not say. */
  connected: boolean | null;
}

/** Seconds below which nothing is called stale, however fast the signal is: one lost packet is not news. */
const leastStaleSeconds = 30;
const lateFactor = 2;
const staleFactor = 5;
/** A signal at 1 Hz is shown at 1 Hz: without this allowance every second value would flicker "late". */
const deliverySeconds = 3;

/**
 * The data state of a value at `nowMs` (server time). Silence makes no event, so callers ask once a second.
 * Late after twice the expected interval, stale after five times and at least 30 s.
 */
export function dataState(observation: Observation, nowMs: number): DataState {
  if (observation.time_ms === null) return 'never';
  if (observation.connected === false) return 'offline';
  const ageSeconds = (nowMs - observation.time_ms) / 1000;
  if (observation.quality === 500) return 'stale';
  if (ageSeconds > Math.max(staleFactor * observation.expected_interval_seconds, leastStaleSeconds)) return 'stale';
  if (observation.quality === 0) return 'bad';
  if (ageSeconds > lateFactor * observation.expected_interval_seconds + deliverySeconds) return 'late';
  return observation.quality === 64 ? 'uncertain' : 'live';
}

/** Whether the value itself may be shown as the present one. Otherwise a dash stands there and the old value below. */
export function isPresent(state: DataState): boolean {
  return state === 'live' || state === 'late' || state === 'uncertain';
}

/** Below this share of received data a figure carries a note; below half of it, it is drawn as not to be relied on. */
const partialBelow = 0.95;
const thinBelow = 0.5;

/** How a figure with this coverage (0…1, null when nothing was planned) is shown. */
export function coverageState(coverage: number | null): 'full' | 'partial' | 'thin' | 'not scheduled' {
  if (coverage === null) return 'not scheduled';
  if (coverage < thinBelow) return 'thin';
  return coverage < partialBelow ? 'partial' : 'full';
}
