import type { Clock } from '../../core/clock.ts';

export interface Attempts {
  /** Seconds until this key may try again; 0: now. */
  wait(key: string): number;
  failed(key: string): void;
  succeeded(key: string): void;
}

/**
 * Counts failed logins per key (e-mail and address) in this process: after `most` failures within `windowMs` the key
 * waits until the window of its first failure has passed. Holds at most `mostKeys`; then the oldest is forgotten, so
 * that a flood of made-up names cannot fill the memory. Several API processes count apart.
 */
export function createAttempts(clock: Clock, most = 10, windowMs = 15 * 60_000, mostKeys = 10_000): Attempts {
  const failures = new Map<string, { count: number; until: number }>();
  function current(key: string): { count: number; until: number } | undefined {
    const entry = failures.get(key);
    if (entry !== undefined && entry.until <= clock()) {
      failures.delete(key);
      return undefined;
    }
    return entry;
  }
  return {
    wait(key) {
      const entry = current(key);
      return entry === undefined || entry.count < most ? 0 : Math.ceil((entry.until - clock()) / 1000);
    },
    failed(key) {
      const entry = current(key) ?? { count: 0, until: clock() + windowMs };
      entry.count++;
      failures.delete(key);
      failures.set(key, entry);
      const oldest = failures.keys().next().value;
      if (failures.size > mostKeys && oldest !== undefined) failures.delete(oldest);
    },
    succeeded: (key) => void failures.delete(key),
  };
}
