import { monotonic, pause, type Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Protocol } from '../../core/reading.ts';
import type { Intake, Source, SourceIntake } from '../receive/receiver.ts';
import { createDropper } from './drop-readings.ts';
import { createIntakeFullness } from './intake-fullness.ts';
import type { Journal } from './journal.ts';
import { encodeBackfill, encodeIntake, encodeReplay, journaled, type JournaledIntake } from './record.ts';
import { clear, clearReadings, createSource } from './source-intake.ts';

export interface IntakeOptions {
  journal: Journal;
  clock: Clock;
  log: Log;
  whenFull: 'stop' | 'drop-oldest' | 'drop-newest';
  farFutureHours: number;
  /** Called after every record that became durable, so that the store looks. */
  onRecord: () => void;
}

export interface JournalIntake extends Intake {
  /** Asks the store, in the journal's order, to back-fill the parked readings of an address that has become known. */
  backfill(protocol: Protocol, address: string): void;
  /** Asks the store, in the journal's order, to try the rejected readings whose replay was asked for. */
  replay(): void;
  /** Readings taken in that are not on the disk yet. */
  readonly waiting: number;
  /** Readings thrown away since the start because there was no room. */
  readonly dropped: number;
  /** Journals what was handed over. */
  close(): Promise<void>;
}

/**
 * One fdatasync serves every message that arrived meanwhile. It starts when nothing arrived for a millisecond, at the
 * latest after `longestWaitMs`, or at once when `manyReadings` wait: at 20,000 messages a second a sync each 4 ms costs
 * 2 % of a core, a sync for each message would need 3 cores.
 */
const longestWaitMs = 4;
const manyReadings = 20_000;
/** While the journal cannot take anything, this many readings are kept in memory before more are refused. */
const mostWaiting = 500_000;
/** The same for rejected payloads, which may be large. */
const mostWaitingBytes = 64 * 1024 * 1024;

/**
 * The intake that writes to `journal`: collects what receivers hand over and makes it durable in groups. A journal that is
 * full already is known to be so when this returns.
 */
export async function openIntake(options: IntakeOptions): Promise<JournalIntake> {
  const { journal, clock, log, whenFull, farFutureHours, onRecord } = options;
  const bySource = new Map<Source, SourceIntake>();
  // Where messages go that cannot be kept: counted, not stored.
  let refused: SourceIntake | undefined;
  let durables: ((token: number) => void)[] = [];
  let tokens: number[] = [];
  let commands: Buffer[] = [];
  // The source that the present message opened last, and what it held then.
  let touched: SourceIntake | undefined;
  let receivedBefore = 0;
  let rejectedBefore = 0;
  let handedOver = 0;
  let oldestAt = 0;
  let waitingReadings = 0;
  let waitingBytes = 0;
  let dropped = 0;
  let dropToldAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let closed = false;
  const full = createIntakeFullness({
    stopsWhenFull: whenFull === 'stop',
    log,
    facts: () => ({ unjournaled_readings: waitingReadings, ...journal.state }),
  });

  function open(source: Source): SourceIntake {
    if (closed || memoryIsFull()) {
      refused = createSource(source, farFutureHours);
      return refused;
    }
    let intake = bySource.get(source);
    if (intake === undefined) {
      intake = createSource(source, farFutureHours);
      bySource.set(source, intake);
    }
    settle();
    touched = intake;
    receivedBefore = intake.received;
    rejectedBefore = intake.rejected.length;
    return intake;
  }

  function memoryIsFull(): boolean {
    return waitingReadings >= mostWaiting || waitingBytes >= mostWaitingBytes;
  }

  /** Counts what the source that was opened last has got since. */
  function settle(): void {
    if (touched === undefined) return;
    waitingReadings += touched.received - receivedBefore;
    for (let index = rejectedBefore; index < touched.rejected.length; index++) {
      const { address = '', detail = '', payload } = touched.rejected[index] ?? {};
      waitingBytes += 200 + address.length + detail.length + (payload?.length ?? 0);
    }
    touched = undefined;
  }

  function handOver(onDurable?: (token: number) => void, token = 0): boolean {
    if (refused !== undefined) {
      // A peer that waits for the acknowledgement sends it again, but not on this connection, where each message refused
      // takes a place of those that may be in flight. Anything else is lost here, and counted.
      if (onDurable === undefined && !closed) countDropped(refused);
      else if (onDurable !== undefined) full.memory = true;
      refused = undefined;
      full.tell();
      return false;
    }
    settle();
    if (onDurable !== undefined) {
      durables.push(onDurable);
      tokens.push(token);
    }
    if (handedOver++ === 0) oldestAt = monotonic();
    if (waitingReadings >= manyReadings) startFlush();
    else schedule();
    return true;
  }

  function noteDropped(readings: number): void {
    dropped += readings;
    if (readings === 0 || monotonic() - dropToldAt < 60_000) return;
    dropToldAt = monotonic();
    log.error({ when_full: whenFull, dropped, ...journal.state }, 'there is no room, and readings are dropped');
  }

  function countDropped(intake: SourceIntake): void {
    noteDropped(intake.received);
    waitingReadings += intake.received;
    const kept = bySource.get(intake.source) ?? createSource(intake.source, farFutureHours);
    bySource.set(intake.source, kept);
    kept.received += intake.received;
    kept.dropped += intake.received;
    kept.lost_upstream += intake.lost_upstream;
    if (handedOver++ === 0) oldestAt = monotonic();
    schedule();
  }

  function schedule(): void {
    if (timer !== undefined || flushing !== undefined) return;
    const seen = handedOver;
    timer = setTimeout(() => {
      timer = undefined;
      if (handedOver === seen || monotonic() - oldestAt >= longestWaitMs) startFlush();
      else schedule();
    }, 1);
  }

  function startFlush(): void {
    if (flushing !== undefined) return;
    clearTimeout(timer);
    timer = undefined;
    flushing = flush()
      .catch((error: unknown) =>
        log.error({ error }, 'what was received could not be journaled and is not acknowledged'),
      )
      .finally(() => {
        flushing = undefined;
        if (handedOver > 0 && !closed) schedule();
      });
  }

  async function flush(): Promise<void> {
    if (!(await makeRoom())) return;
    while (commands.length > 0 || handedOver > 0) {
      if (handedOver > 0) {
        const durable = { durables, tokens };
        const readings = waitingReadings;
        const record = cut();
        const watch = setTimeout(() => {
          full.disk = true;
          full.tell();
        }, 1000);
        try {
          await journal.append(record, readings);
        } finally {
          clearTimeout(watch);
        }
        full.disk = false;
        full.memory &&= memoryIsFull();
        for (const [index, onDurable] of durable.durables.entries()) onDurable(durable.tokens[index] ?? 0);
      }
      for (let command = commands.shift(); command !== undefined; command = commands.shift())
        await journal.append(command, 0);
      onRecord();
      if (handedOver > 0 && monotonic() - oldestAt < longestWaitMs) break;
      if (!(await makeRoom())) return;
    }
    await makeRoom();
  }

  /** Everything collected as one record; what was collected begins anew. */
  function cut(): Buffer {
    const sources: JournaledIntake[] = [];
    for (const intake of bySource.values()) {
      if (intake.received === 0 && intake.lost_upstream === 0) continue;
      if (full.journal && whenFull === 'drop-newest') dropReadings(intake);
      sources.push(journaled(intake));
    }
    const record = encodeIntake(clock(), sources);
    for (const intake of bySource.values()) clear(intake);
    durables = [];
    tokens = [];
    handedOver = 0;
    waitingReadings = 0;
    waitingBytes = 0;
    return record;
  }

  function dropReadings(intake: SourceIntake): void {
    noteDropped(intake.received - intake.dropped);
    intake.dropped = intake.received;
    clearReadings(intake);
  }

  /** Answers whether the journal may be written. */
  async function makeRoom(): Promise<boolean> {
    let isFull = await journal.isFull();
    while (isFull && whenFull === 'drop-oldest') {
      const readings = await journal.dropOldest(createDropper);
      if (readings === undefined) break;
      noteDropped(readings);
      isFull = await journal.isFull();
    }
    full.journal = isFull;
    full.tell();
    return full.reason !== 'journal';
  }

  // Dropping may wait until something comes: the store may be faster.
  full.journal = whenFull === 'stop' && (await journal.isFull());
  full.tell();
  // While the journal is full nothing is handed over any more, so that somebody must look whether there is room again; and
  // room that others take away on the disk shows before the next message does.
  const lookout = setInterval(() => {
    if (whenFull === 'stop' || full.isTold || full.journal || handedOver > 0 || commands.length > 0) startFlush();
  }, 200);
  lookout.unref();

  return {
    open,
    handOver,
    get isFull() {
      return full.isTold;
    },
    get fullness() {
      return full.reason;
    },
    get isRoomy() {
      return !full.isTold && (whenFull !== 'stop' || journal.isRoomy);
    },
    onFull: full.onChange,
    backfill(protocol, address) {
      commands.push(encodeBackfill(protocol, address));
      startFlush();
    },
    replay() {
      commands.push(encodeReplay());
      startFlush();
    },
    get waiting() {
      return waitingReadings;
    },
    get dropped() {
      return dropped;
    },
    async close() {
      closed = true;
      clearInterval(lookout);
      // A disk that fails would hold this up for ever; what is not journaled was not acknowledged either.
      const waited = new AbortController();
      const limit = pause(3000, waited.signal);
      await Promise.race([flushing, limit]);
      startFlush();
      await Promise.race([flushing, limit]);
      waited.abort();
    },
  };
}
