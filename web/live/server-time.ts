/**
 * The server's clock as seen from this browser. Ages are computed against it, because a tablet whose own clock is
 * five minutes off would call every value stale, or none. Counted on the monotonic clock, so that setting the
 * browser's clock changes nothing.
 */
export interface ServerTime {
  /** Notes that the server said it was `serverMs` in a message that has just arrived. */
  learn(serverMs: number): void;
  /** Milliseconds since the Unix epoch by the server's clock. */
  now(): number;
}

/** Heartbeats remembered: delay only ever makes an offset too small, so the largest of the recent ones is the best. */
const remembered = 8;

export function createServerTime(startMs: number, elapsed: () => number = () => performance.now()): ServerTime {
  const offsets: number[] = [];
  let offset = startMs - elapsed();
  return {
    learn(serverMs) {
      offsets.push(serverMs - elapsed());
      if (offsets.length > remembered) offsets.shift();
      offset = Math.max(...offsets);
    },
    now: () => elapsed() + offset,
  };
}
