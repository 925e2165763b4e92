import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { ReadingColumns } from '../../core/reading-columns.ts';
import type { Protocol, RejectReason } from '../../core/reading.ts';
import type { Settings } from '../../core/settings.ts';
import type { SignalRegistry } from '../resolve/signal-registry.ts';

/**
 * The border between the receivers and the rest of ingest.
 *
 * A receiver decodes a message into the open intake of its source (`context.intake.open(source)`, then the `add…`
 * functions of ingest/resolve/add-reading.ts), and closes the message with `handOver`. Once the journal has the message
 * durably on disk, `onDurable` is called; an MQTT receiver acknowledges then. Nothing else couples a receiver to the
 * journal. Everything here is synchronous: between `open` and `handOver` there must be no `await`, so that one message
 * is always whole in one journal record.
 */
export interface ReceiverContext {
  settings: Settings;
  log: Log;
  clock: Clock;
  intake: Intake;
  /** Address → signal. Swapped whole when the plant changes; keep `version` beside anything you cache from it. */
  registry: SignalRegistry;
}

export interface Receiver {
  /** How each source and connection of this receiver feels, for the `source` rows and /health. Asked every few seconds. */
  states(): SourceState[];
  /** Stops receiving. Messages handed over before stay valid; their `onDurable` may still be called. */
  close(): Promise<void>;
}

/** One thing that speaks to us. Names: mqtt `enterprise/site/line`, sparkplug `group/edge`, opcua the endpoint URL. */
export interface Source {
  readonly protocol: Protocol;
  readonly name: string;
}

export interface SourceState extends Source {
  connected: boolean;
  /** When the last message of this source arrived (ms since the epoch), where the receiver knows. */
  last_message_at_ms?: number | null;
  /** Free facts for people: last error in one sentence, client id, rebirths asked, subscribed items, … */
  status: Record<string, unknown>;
}

/** The journal is full; its disk has not answered for a second; the memory before the journal was full. */
export type Fullness = 'journal' | 'disk' | 'memory';

export interface Intake {
  /**
   * What is being collected for `source` since the last journal record. Ask anew for every message: the object is
   * exchanged whenever the journal takes a record. The same Source object should be passed each time (it is interned).
   */
  open(source: Source): SourceIntake;
  /**
   * The message is complete. `onDurable(token)` is called once, when the journal has it on disk; never when the
   * message could not be kept, so that the broker delivers it again. The token (a packet id, say) is passed back, so
   * that one function can serve a whole connection without a closure for each message.
   * Answers false when the message was refused because the memory is full: who waits for `onDurable` must see to it that
   * it comes again, and is told to stop reading (`onFull`).
   */
  handOver(onDurable?: (token: number) => void, token?: number): boolean;
  /**
   * True while nothing more should be read: the journal is full or its disk fails. A receiver that can make its peer
   * keep the data (QoS 1, OPC UA with queues) stops reading; what is handed over all the same is kept while memory
   * allows, then counted as dropped.
   */
  readonly isFull: boolean;
  /** Why `isFull` is true; null while it is not. */
  readonly fullness: Fullness | null;
  /** Whether the journal is so far from full that it can take what was kept elsewhere meanwhile. */
  readonly isRoomy: boolean;
  /** Called with true when reading must stop and with false when it may go on. Returns a function that unsubscribes. */
  onFull(listener: (full: boolean) => void): () => void;
}

/** Everything one source said since the last journal record. Plain data; filled by ingest/resolve/add-reading.ts. */
export interface SourceIntake {
  readonly source: Source;
  /** Readings stamped further ahead of the receive time than this are rejected (FAR_FUTURE_HOURS). */
  readonly far_future_hours: number;
  /** Readings that arrived, counted before anything else is done with them. A message that cannot be read counts as one. */
  received: number;
  /** Readings (or, where only that is known, messages) that the protocol's own numbering says never reached us. */
  lost_upstream: number;
  /** Of the received: without a source time; the receive time was used. */
  untimed: number;
  /** Of the received: thrown away because the journal is full and JOURNAL_WHEN_FULL says to drop. */
  dropped: number;
  live: ReadingColumns;
  /** Store-and-forward data (Sparkplug is_historical, OPC UA HistoryRead): stored, never shown as the latest value. */
  historical: ReadingColumns;
  texts: TextReading[];
  parked: ParkedReading[];
  rejected: RejectedReading[];
}

/** A reading whose value is a text (an order, a product code); the store turns the text into its number. */
export interface TextReading {
  signal_id: number;
  time_us: number;
  text: string;
  quality: number;
  historical: boolean;
}

/** A reading of an address that no signal has (yet). */
export interface ParkedReading {
  address: string;
  time_us: number;
  /** NaN when there is none. */
  value: number;
  text: string | null;
  quality: number;
}

export interface RejectedReading {
  /** How many readings this entry stands for in the books: 1, or more where many were alike. */
  readings: number;
  address: string;
  reason: RejectReason;
  /** One sentence that names the thing, its value, and what is accepted. */
  detail: string;
  signal_id: number | null;
  /** NaN when unknown. */
  time_us: number;
  /** NaN when there is none. */
  value: number;
  /**
   * The bytes as received, or of a message of several readings this one's part, or the value that was read where that is no
   * number (ingest/resolve/kept-value.ts). The journal keeps at most 64 KiB.
   */
  payload: Uint8Array | null;
  /** Where the reading itself could be read: with it the value can be stored later. */
  quality?: number;
  /** Set by the journal when it kept only the beginning of the payload. */
  cut?: boolean;
}
