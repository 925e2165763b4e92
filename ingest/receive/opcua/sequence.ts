/** Sequence numbers of notification messages begin with 1 again after 2^32 - 1; 0 is never used (OPC 10000-4, 7.25). */
export function following(sequence: number): number {
  return sequence === 0xffff_ffff ? 1 : sequence + 1;
}

/** How many messages lie between `expected` and `arrived`; negative when `arrived` came before. */
export function aheadOf(expected: number, arrived: number): number {
  const distance = (arrived - expected) | 0;
  // The number 0 that is left out lies between them.
  if (distance > 0 && arrived < expected) return distance - 1;
  return distance < 0 && arrived > expected ? distance + 1 : distance;
}
