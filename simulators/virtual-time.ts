import type { Clock } from '../core/clock.ts';

export interface VirtualTime {
  /** Milliseconds since the epoch in the simulated plant. Never ahead of the real clock, never backwards. */
  now(): number;
  /** Holds the plant's time for one tick, because what it has said so far has not got out yet. */
  hold(): void;
}

const hour = 3_600_000;
/** Readings older than the raw retention would be refused or dropped at once. */
const longestLead = 30 * 24 * hour;

/**
 * The plant's time. At speed 1 it is the real one. At speed N it starts N hours in the past (30 days at most), or where
 * the last run ended if that is later, runs N times as fast, and from the moment when it has caught up it is the real
 * time: no reading is ever stamped with a time to come.
 */
export function createVirtualTime(
  clock: Clock,
  speed: number,
  lastMs: number | undefined,
  fromMs?: number,
): VirtualTime {
  let realMs = clock();
  let virtualMs =
    speed === 1 && fromMs === undefined ? realMs : (fromMs ?? realMs - Math.min(speed * hour, longestLead));
  if (lastMs !== undefined) virtualMs = Math.min(realMs, Math.max(virtualMs, lastMs + 1));

  return {
    now() {
      const nowMs = clock();
      virtualMs = Math.max(virtualMs, Math.min(nowMs, virtualMs + Math.max(0, nowMs - realMs) * speed));
      // At real speed the plant's time is the clock itself, so that a clock that was put right is followed.
      if (speed === 1 && fromMs === undefined && nowMs > virtualMs) virtualMs = nowMs;
      realMs = nowMs;
      return virtualMs;
    },
    hold() {
      realMs = clock();
    },
  };
}
