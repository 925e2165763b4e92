/**
 * The sequence numbers of one edge node's session: 0 to 255 and again 0, one counter over NBIRTH, DBIRTH, NDATA, DDATA
 * and DDEATH. Messages may overtake each other on their way through a clustered broker, so a gap becomes a loss only
 * when it has stayed open for the reorder timeout (specification 3.0, "Message Ordering").
 */
export interface Sequence {
  /** The number the next message should have; -1 before the first birth. */
  expected: number;
  /** Numbers that were skipped, each with the time at which it counts as lost. */
  missing: Map<number, number>;
  /** Numbers that were counted as lost and may still come, until they are due again. */
  overdue: Set<number>;
}

export type Arrival =
  | 'in_order'
  /** Ahead of its turn: the numbers before it are missing now. */
  | 'early'
  /** One of the missing ones, or of those that were counted as lost. */
  | 'late'
  /** No number of the count. Only a rebirth can tell what happened. */
  | 'unexplained';

export function createSequence(): Sequence {
  return { expected: -1, missing: new Map(), overdue: new Set() };
}

/** A birth of the node begins a new count. */
export function restartSequence(sequence: Sequence, seq: number): void {
  sequence.expected = seq < 0 ? -1 : (seq + 1) & 255;
  sequence.missing.clear();
  sequence.overdue.clear();
}

/**
 * Notes the number of a message that arrived at `nowMs`. A number below 0 (none was sent) says nothing.
 *
 * Whatever is neither due nor awaited lies ahead, however far: messages of QoS 0 are not sent twice, and a gap that was
 * taken for a repeated message would be a loss that nobody counts.
 */
export function noteSequence(sequence: Sequence, seq: number, nowMs: number, reorderMs: number): Arrival {
  const { expected, missing, overdue } = sequence;
  if (seq < 0 || expected < 0) return 'in_order';
  if (seq > 255) return 'unexplained';
  if (seq !== expected && (missing.delete(seq) || overdue.delete(seq))) return 'late';
  for (let skipped = expected; skipped !== seq; skipped = (skipped + 1) & 255) {
    overdue.delete(skipped);
    if (!missing.has(skipped)) missing.set(skipped, nowMs + reorderMs);
  }
  overdue.delete(seq);
  sequence.expected = (seq + 1) & 255;
  return seq === expected ? 'in_order' : 'early';
}

/** When the next missing number counts as lost; Infinity when none is missing. */
export function nextLossMs(sequence: Sequence): number {
  // A Map keeps the order of insertion, and deadlines only grow.
  for (const deadline of sequence.missing.values()) return deadline;
  return Number.POSITIVE_INFINITY;
}

/** Forgets the numbers whose time is over at `nowMs`, and says how many they were. */
export function countLost(sequence: Sequence, nowMs: number): number {
  let lost = 0;
  for (const [seq, deadline] of sequence.missing) {
    if (deadline > nowMs) break;
    sequence.missing.delete(seq);
    sequence.overdue.add(seq);
    lost++;
  }
  return lost;
}
