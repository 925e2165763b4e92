/** Since when readings of an address may be missing. */
export interface Gap {
  /** By our clock. */
  fromMs: number;
  /** How far the clock of the server was ahead of ours then; its history goes by its own. */
  aheadMs: number;
  /** False when the address was never heard before: then nothing is known to be lost. */
  isOutage: boolean;
}

/**
 * The addresses of one server of which readings may be missing, until its history was asked for them. Lives as long as
 * the link, over all sessions: a node that comes back an hour after its server has a gap of that hour.
 */
export type Gaps = Map<string, Gap>;

/** Notes a gap; one that is open already keeps the earlier beginning. */
export function openGap(gaps: Gaps, address: string, gap: Gap): void {
  const open = gaps.get(address);
  if (open === undefined) gaps.set(address, gap);
  else if (gap.fromMs < open.fromMs || (gap.isOutage && !open.isOutage)) {
    const { fromMs, aheadMs } = gap.fromMs < open.fromMs ? gap : open;
    gaps.set(address, { fromMs, aheadMs, isOutage: gap.isOutage || open.isOutage });
  }
}
