import { z } from 'zod';
import { rejectReasons } from '../../core/reading.ts';
import { flagInput, id, idInput, pageOf, pageQuery, timestamp, timestampInput } from './common.ts';
import { signalKind } from './signal.ts';

/**
 * received = stored + duplicate + rejected + parked + dropped; what a gateway holds in its journal comes on top of all of
 * these. The other counts explain some of them (conflict, late, from_future, untimed) or stand outside (lost_upstream).
 */
export const ledgerCounts = z.object({
  received: z.int(),
  stored: z.int(),
  duplicate: z.int(),
  conflict: z.int(),
  rejected: z.int(),
  parked: z.int(),
  dropped: z.int(),
  lost_upstream: z.int(),
  late: z.int(),
  from_future: z.int(),
  untimed: z.int(),
});
export type LedgerCounts = z.output<typeof ledgerCounts>;

const sourceName = { source_id: id, source_name: z.string(), protocol: z.enum(['mqtt', 'sparkplug', 'opcua', 'file']) };

export const ledgerRow = ledgerCounts.extend({ ...sourceName, started_at: timestamp });
export type LedgerRow = z.output<typeof ledgerRow>;

/** `balanced` and `sources` speak of the last 31 days up to now, `totals` and `items` of the asked range. */
export const ledger = z.object({
  balanced: z.boolean(),
  /** One sentence that says what does not add up; empty when it does. */
  differences: z.array(z.object({ source_id: id, source_name: z.string(), difference: z.int(), sentence: z.string() })),
  /** Readings acknowledged and not stored yet, by the gateways' last heartbeat. */
  in_journal: z.int(),
  from: timestamp,
  to: timestamp,
  per: z.enum(['minute', 'hour']),
  /** Sums over the asked range. */
  totals: ledgerCounts,
  /** Sums per source. */
  sources: z.array(ledgerCounts.extend(sourceName)),
  items: z.array(ledgerRow),
  next: z.string().nullable(),
});
export type Ledger = z.output<typeof ledger>;

export const ledgerQuery = pageQuery.extend({
  /** Default: one hour before `to`. */
  from: timestampInput.optional(),
  to: timestampInput.optional(),
  source: idInput.optional(),
  per: z.enum(['minute', 'hour']).default('minute'),
});
export type LedgerQuery = z.input<typeof ledgerQuery>;

/** A time in which one signal gave fewer readings than expected; whole minutes or hours. */
export const gapRow = z.object({
  signal_id: id,
  signal_name: z.string(),
  machine_id: id,
  machine_name: z.string(),
  from: timestamp,
  to: timestamp,
  expected: z.int(),
  stored: z.int(),
  coverage: z.number(),
});
export type GapRow = z.output<typeof gapRow>;
export const gapPage = pageOf(gapRow);
export type GapPage = z.output<typeof gapPage>;
export const gapsQuery = pageQuery.extend({
  from: timestampInput.optional(),
  to: timestampInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  signal: idInput.optional(),
  /**
   * Of signals of this kind. Without it those of the `signal` asked for, whatever its kind, else measurements: counters,
   * states, faults and orders of many machines are sent only when they change, and are then silent by right.
   */
  kind: signalKind.optional(),
  /**
   * How fine. By minute at most 31 days of a signal, 7 of a machine, 1 of a line and 2 hours of everything; by hour 31
   * days.
   */
  per: z.enum(['minute', 'hour']).default('hour'),
  /** Only minutes or hours with less than this share of the expected readings. */
  below: z.coerce.number<number | string>().min(0).max(10).default(0.95),
});
export type GapsQuery = z.input<typeof gapsQuery>;

export const rejectedReading = z.object({
  rejected_reading_id: id,
  ...sourceName,
  received_at: timestamp,
  address: z.string(),
  reason: z.string(),
  detail: z.string(),
  signal_id: id.nullable(),
  time: timestamp.nullable(),
  value: z.number().nullable(),
  /**
   * The bytes as received, or of several readings this one's part, or its value as JSON: text where they are UTF-8, else
   * hexadecimal; cut at 1,000 characters in lists.
   */
  payload: z.string().nullable(),
  payload_encoding: z.enum(['utf8', 'hex']).nullable(),
  payload_bytes: z.int().nullable(),
  resolved_at: timestamp.nullable(),
  /** Why it cannot be tried once more, in one sentence; null when it can. */
  not_replayable: z.string().nullable(),
});
export type RejectedReading = z.output<typeof rejectedReading>;
export const rejectedPage = pageOf(rejectedReading);
export type RejectedPage = z.output<typeof rejectedPage>;
export const rejectedQuery = pageQuery.extend({
  source: idInput.optional(),
  reason: z.enum(rejectReasons).optional(),
  resolved: flagInput.optional(),
  from: timestampInput.optional(),
  to: timestampInput.optional(),
});
export type RejectedQuery = z.input<typeof rejectedQuery>;

/** Which rejected readings to try once more; at least one of both. */
export const replayBody = z
  .object({ reason: z.enum(rejectReasons).optional(), source: idInput.optional() })
  .refine(({ reason, source }) => reason !== undefined || source !== undefined, 'a reason, a source, or both');
/** How many were asked for. Ingest tries them within a second while it runs; what is still wrong stays rejected. */
export const replayAnswer = z.object({ requested: z.int() });
