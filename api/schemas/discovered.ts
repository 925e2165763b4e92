import { z } from 'zod';
import { signalSchema } from '../../core/plant/plant-document.ts';
import { findSignalProblems } from '../../core/plant/plant-rules.ts';
import { flagInput, id, idInBody, idInput, pageOf, pageQuery, timestamp } from './common.ts';
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

const { name, quantity, unit, expected_interval_seconds } = signalSchema.shape;
const number = z.number().nullable().optional();
/** What a new signal cannot be made without, in the words of a plant file. */
const needed = {
  machine_id: 'the machine_id of a machine (or signal_id, to map to a signal that is there)',
  name: 'a name of 1 to 64 characters without spaces, "/", "+" or "#"',
  kind: signalKind.options.join(', '),
  quantity: 'a word such as temperature; for a counter good, reject or total',
} as const;

/**
 * Maps the address to the signal `signal_id` (a topic that was renamed, say), or else makes a signal of it, by the rules
 * of a plant file; ingest then stores the parked readings under it.
 */
export const mapBody = z
  .object({
    signal_id: idInBody.optional(),
    machine_id: idInBody.optional(),
    name: name.optional(),
    kind: signalKind.optional(),
    quantity,
    unit: unit.unwrap().optional(),
    expected_interval_seconds: expected_interval_seconds.unwrap().optional(),
    range_low: number,
    range_high: number,
    limit_low_low: number,
    limit_low: number,
    limit_high: number,
    limit_high_high: number,
  })
  .superRefine((body, context) => {
    const report = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (body.signal_id !== undefined) {
      for (const [field, value] of Object.entries(body)) {
        if (field !== 'signal_id' && value !== undefined)
          report([field], 'nothing beside signal_id, which names a signal that is there');
      }
      return;
    }
    for (const [field, accepted] of Object.entries(needed)) {
      if (body[field as keyof typeof needed] === undefined) report([field], accepted);
    }
    for (const { path, accepted } of findSignalProblems(body)) report(path, accepted);
  });
export type MapBody = z.input<typeof mapBody>;
export const mapAnswer = z.object({ signal_id: id });
export type MapAnswer = z.output<typeof mapAnswer>;
