import type { DataValue } from 'node-opcua';
import { type Clock, pause } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { Intake, Source } from '../receiver.ts';
import { type Gap, type Gaps, openGap } from './gaps.ts';
import { type HistoryRange, readHistory } from './history.ts';
import { addValue } from './read-notification.ts';
import type { ServerCounts } from './server-counts.ts';
import { readServerClock } from './server-facts.ts';
import type { Session } from './session.ts';
import type { Item } from './subscription.ts';

export interface BackfillOptions {
  session: Session;
  source: Source;
  intake: Intake;
  clock: Clock;
  log: Log;
  counts: ServerCounts;
  gaps: Gaps;
  nodesPerHistoryRead: number;
  /** Shorter gaps hold nothing: the next publication was not due yet. */
  shortestMs: number;
  /** The items that the server has now. */
  items: () => Iterable<Item>;
  /** False while the connection is away: what fails then is tried again. */
  isConnected: () => boolean;
  signal: AbortSignal;
}

/** Fills gaps from the server's history. */
export interface Backfill {
  /** Reads the history of every item that has a gap, in the background; the store drops what it has already. */
  run(): void;
  /** The server has said that it keeps none of this address: another gap of it need not be opened. */
  hasNoHistory(address: string): boolean;
}

/** Before the gap and behind it, since the clocks of source, server and gateway are never quite the same. */
const overlapMs = 2000;
/** A clock that is further ahead than this is wrong, and its readings are rejected. */
const dayMs = 86_400_000;

export function createBackfill(options: BackfillOptions): Backfill {
  const { session, source, intake, clock, log, counts, gaps, signal } = options;
  const withoutHistory = new Set<string>();
  let running: Promise<void> = Promise.resolve();

  function run(): void {
    const groups = new Map<string, { gap: Gap; items: Item[] }>();
    for (const item of options.items()) {
      const gap = gaps.get(item.address);
      if (gap === undefined) continue;
      gaps.delete(item.address);
      const name = `${gap.fromMs} ${gap.aheadMs} ${gap.isOutage}`;
      const group = groups.get(name) ?? { gap, items: [] };
      group.items.push(item);
      groups.set(name, group);
    }
    for (const { gap, items } of groups.values()) running = running.then(() => fill(gap, items));
  }

  /**
   * The gap by the clock of the server; where that has been set since, the earlier beginning counts. A source whose clock
   * is ahead of its server's has values in the server's future, up to the newest that we have.
   */
  async function rangeOf(gap: Gap, items: readonly Item[]): Promise<HistoryRange> {
    const serverMs = await readServerClock(session);
    const aheadMs = Number.isNaN(serverMs) ? gap.aheadMs : serverMs - clock();
    const presentMs = clock() + aheadMs;
    const newest = items.map(({ lastTimeUs }) => lastTimeUs / 1000).filter((ms) => ms < presentMs + dayMs);
    return { fromMs: gap.fromMs + Math.min(gap.aheadMs, aheadMs), toMs: Math.max(presentMs, ...newest) };
  }

  async function fill(gap: Gap, items: readonly Item[]): Promise<void> {
    const facts = { source: source.name, items: items.length, seconds: Math.round((clock() - gap.fromMs) / 1000) };
    function keep(): void {
      for (const { address } of items) openGap(gaps, address, gap);
    }
    if (signal.aborted) {
      keep();
      return;
    }
    try {
      const { fromMs, toMs } = await rangeOf(gap, items);
      if (toMs - fromMs < options.shortestMs) return;
      facts.seconds = Math.round((toMs - fromMs) / 1000);
      const range = { fromMs: fromMs - overlapMs, toMs: toMs + overlapMs };
      const history = await readHistory(session, items, range, options.nodesPerHistoryRead, store, signal);
      const { values, without, failed } = history;
      const read = { ...facts, values, without_history: without.length, failed: failed.length };
      counts.backfilled_values += values;
      for (const { address } of without) withoutHistory.add(address);
      if (signal.aborted) keep();
      else if (failed.length > 0) noteUnfilled(`an outage was not filled, ${failed[0]?.reason}`, read);
      else if (values > 0 && without.length > 0) {
        noteUnfilled('an outage was filled in part: of some nodes the server keeps no history', read);
      } else if (values > 0) log.info(read, 'an outage was filled from the history');
      // Some servers refuse, others answer "good" with nothing in it; for the reader of the books it is the same.
      else noteUnfilled('nothing of an outage could be filled: the server keeps no history of it', read);
    } catch (error) {
      const { message } = error as Error;
      if (signal.aborted || !options.isConnected()) keep();
      else noteUnfilled('an outage could not be filled from the history', { ...facts, error: message });
    }

    function noteUnfilled(sentence: string, more: object): void {
      // Of a node that was not there before, nobody knows that anything is missing.
      if (!gap.isOutage) return;
      counts.unfilled_outages++;
      counts.unfilled_seconds += facts.seconds;
      log.warn(more, `${sentence}; how much is lost is unknown`);
    }
  }

  async function store(item: Item, values: readonly DataValue[]): Promise<void> {
    while (intake.isFull && !signal.aborted) await pause(200, signal);
    const into = intake.open(source);
    const nowUs = clock() * 1000;
    for (const value of values) addValue(item, value, into, nowUs, true);
    intake.handOver();
  }

  return { run, hasNoHistory: (address) => withoutHistory.has(address) };
}
