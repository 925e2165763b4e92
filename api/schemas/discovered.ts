import { z } from 'zod';
import { flagInput, id, idInput, pageOf, pageQuery, timestamp } from './common.ts';
import { signalKind } from './signal.ts';

/** An address that speaks and is mapped to no signal; its readings are parked until it is. */
export const discovered = z.object({
  discovered_address_id: id,
  source_id: id,
  source_name: z.string(),
  protocol: z.enum(['mqtt', 'sparkplug', 'opcua']),
  address: z.string(),
  first_seen_at: timestamp,
  last_seen_at: timestamp,
  readings: z.int(),
  parked: z.int(),
  sample: z.string().nullable(),
  ignored: z.boolean(),
});
export type Discovered = z.output<typeof discovered>;
export const discoveredPage = pageOf(discovered);
export type DiscoveredPage = z.output<typeof discoveredPage>;
export const discoveredQuery = pageQuery.extend({
  source: idInput.optional(),
  ignored: flagInput.optional(),
  q: z.string().max(200).optional(),
});
export type DiscoveredQuery = z.input<typeof discoveredQuery>;

/** Makes a signal of the address; ingest then stores the parked readings under it. */
export const mapBody = z.object({
  machine_id: id,
  name: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^/+#\s]+$/, 'a name without spaces, "/", "+" or "#"'),
  kind: signalKind,
  quantity: z.string().min(1).max(100),
  unit: z.string().max(50).default(''),
  expected_interval_seconds: z.number().positive().default(1),
  range_low: z.number().optional(),
  range_high: z.number().optional(),
  limit_low_low: z.number().optional(),
  limit_low: z.number().optional(),
  limit_high: z.number().optional(),
  limit_high_high: z.number().optional(),
});
export type MapBody = z.input<typeof mapBody>;
export const mapAnswer = z.object({ signal_id: id });
export type MapAnswer = z.output<typeof mapAnswer>;
