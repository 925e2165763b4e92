/**
 * When to ask an edge node for a rebirth. A rebirth costs the node all its births at once, and a node that cannot put
 * right what we miss would be asked again with every message: so the first request goes out at once, each further one
 * waits twice as long as the one before, and after ten quiet waits the node starts anew. Requests that nobody answers
 * wait ever longer too, but that is forgotten with the next birth: a node that was away has done nothing in vain.
 */
export interface Rebirth {
  /** Why a rebirth is wanted, for people; empty when none is. */
  reason: string;
  /** Not before this time, for requests that are to be spread. */
  notBeforeMs: number;
  lastRequestMs: number;
  /** How long after a request that was answered by a birth the next one waits. */
  waitMs: number;
  /** How long after a request that was not answered yet the next one waits; 0: the last one was answered. */
  unansweredWaitMs: number;
  requests: number;
}

const longestWaitMs = 300_000;

export function createRebirth(): Rebirth {
  return {
    reason: '',
    notBeforeMs: 0,
    lastRequestMs: Number.NEGATIVE_INFINITY,
    waitMs: 0,
    unansweredWaitMs: 0,
    requests: 0,
  };
}

export function wantRebirth(rebirth: Rebirth, reason: string, notBeforeMs = 0): void {
  if (rebirth.reason === '') {
    rebirth.reason = reason;
    rebirth.notBeforeMs = notBeforeMs;
  } else rebirth.notBeforeMs = Math.min(rebirth.notBeforeMs, notBeforeMs);
}

/** The node was born: what was wanted is here. */
export function noteBirth(rebirth: Rebirth): void {
  rebirth.reason = '';
  rebirth.unansweredWaitMs = 0;
}

/** When the wanted request may go out; Infinity when none is wanted. */
export function rebirthDueMs(rebirth: Rebirth): number {
  if (rebirth.reason === '') return Number.POSITIVE_INFINITY;
  return Math.max(rebirth.notBeforeMs, rebirth.lastRequestMs + (rebirth.unansweredWaitMs || rebirth.waitMs));
}

/**
 * The request went out at `nowMs`; the next one waits at least `leastMs`. The wish stays until the node is born: a
 * request has QoS 0 and may be lost like any other message.
 */
export function noteRequest(rebirth: Rebirth, nowMs: number, leastMs: number): void {
  if (rebirth.unansweredWaitMs > 0) {
    rebirth.unansweredWaitMs = Math.min(longestWaitMs, rebirth.unansweredWaitMs * 2);
  } else {
    const quiet = nowMs - rebirth.lastRequestMs > rebirth.waitMs * 10;
    rebirth.waitMs = quiet ? leastMs : Math.min(longestWaitMs, rebirth.waitMs * 2);
    rebirth.unansweredWaitMs = rebirth.waitMs;
  }
  rebirth.lastRequestMs = nowMs;
  rebirth.requests++;
}
