import { z } from 'zod';
import { id, pageOf, timestamp } from './common.ts';

/** A thing that speaks to us: an MQTT line, a Sparkplug edge node, an OPC UA server. */
export const source = z.object({
  source_id: id,
  protocol: z.enum(['mqtt', 'sparkplug', 'opcua', 'file']),
  name: z.string(),
  connected: z.boolean().nullable(),
  last_message_at: timestamp.nullable(),
  /** Median of receive time minus source time. */
  skew_ms: z.number().nullable(),
  status: z.record(z.string(), z.unknown()),
  /** Of the last full minute. */
  received_per_second: z.number(),
  stored_per_second: z.number(),
  /** Of the last 24 hours. */
  rejected_today: z.int(),
  lost_upstream_today: z.int(),
});
export type Source = z.output<typeof source>;
export const sourcePage = pageOf(source);
export type SourcePage = z.output<typeof sourcePage>;

/** One ingest process, by its last heartbeat. */
export const gateway = z.object({
  gateway_id: z.int(),
  last_sequence: z.int(),
  reported_at: timestamp.nullable(),
  /** No heartbeat for 30 s. */
  silent: z.boolean(),
  journal_readings: z.int(),
  journal_bytes: z.int(),
  status: z.record(z.string(), z.unknown()),
});
export type Gateway = z.output<typeof gateway>;
export const sourcesAnswer = sourcePage.extend({ gateways: z.array(gateway) });
export type SourcesAnswer = z.output<typeof sourcesAnswer>;
