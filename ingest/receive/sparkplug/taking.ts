import type { Clock } from '../../../core/clock.ts';
import type { Fullness, Intake } from '../receiver.ts';

/** A disk that is busy for a moment, or a flood of JSON, is no reason to end the sessions of all edge nodes. */
const patienceMs = 5000;
/**
 * At the return all nodes send births and what they have stored, in one go. With a database that is slower than the plant
 * the journal would be full again and again, so that each quick relapse doubles the waiting.
 */
const firstReturnMs = 3000;
const longestReturnMs = 300_000;

/** Whether the host takes what it is sent, as its STATE says. */
export interface Taking {
  /** Why it does not; null while it does. */
  readonly obstacle: Fullness | null;
  /** Looks at the intake anew. To be called several times a second. */
  look(): void;
}

/**
 * QoS 0 cannot be held back: what is in memory a crash would lose, while edge nodes that store and forward keep it. Ends
 * at once when the journal is full, and begins again when it has been far from full for some seconds.
 */
export function createTaking(intake: Pick<Intake, 'fullness' | 'isRoomy'>, monotonic: Clock): Taking {
  let obstacle: Fullness | null = null;
  let fullSinceMs = Number.POSITIVE_INFINITY;
  let roomySinceMs = Number.POSITIVE_INFINITY;
  let returnedAtMs = Number.NEGATIVE_INFINITY;
  let returnMs = firstReturnMs;

  return {
    get obstacle() {
      return obstacle;
    },
    look() {
      const nowMs = monotonic();
      const { fullness, isRoomy } = intake;
      fullSinceMs = fullness === null ? Number.POSITIVE_INFINITY : Math.min(fullSinceMs, nowMs);
      roomySinceMs = isRoomy ? Math.min(roomySinceMs, nowMs) : Number.POSITIVE_INFINITY;
      if (obstacle !== null) {
        obstacle = fullness ?? obstacle;
        if (nowMs - roomySinceMs < returnMs) return;
        obstacle = null;
        returnedAtMs = nowMs;
      } else if (fullness === 'journal' || nowMs - fullSinceMs >= patienceMs) {
        obstacle = fullness;
        const isRelapse = nowMs - returnedAtMs <= 10 * returnMs;
        returnMs = isRelapse ? Math.min(longestReturnMs, 2 * returnMs) : firstReturnMs;
      }
    },
  };
}
