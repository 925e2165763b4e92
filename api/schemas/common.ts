import { z } from 'zod';

/** What more than one schema needs: identifiers, times, pages. Times are RFC 3339 UTC strings with up to microseconds. */
export const timestamp = z.iso.datetime().meta({ description: 'RFC 3339, UTC', example: '2026-11-20T06:00:00Z' });
/** A time given by a caller: RFC 3339 with `Z` or an offset; `t` and `z` may be small. PostgreSQL knows no year 0. */
export const timestampInput = z
  .string()
  .toUpperCase()
  .check(z.iso.datetime({ offset: true }))
  .refine((text) => !text.startsWith('0000'), 'a time from 0001-01-01T00:00:00Z on');

export const id = z.int().positive();
/** The largest number that the plant's ids can have; those of what happens in it (alarms, orders, readings) go on. */
const mostId = 2 ** 31 - 1;
/** An identifier of a part of the plant in a path or query string, and in a body. */
export const idInput = z.coerce.number<number | string>().int().positive().max(mostId);
export const idInBody = id.max(mostId);
/** `true` or `false` in a query string. */
export const flagInput = z.enum(['true', 'false']);

/** Keyset pages: ask again with `cursor` = `next` of the answer until `next` is null. */
export const pageQuery = z.object({
  limit: z.coerce.number<number | string>().int().min(1).max(1000).default(100),
  cursor: z.string().max(500).optional(),
});

/** The shape of every list. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}

/** From a site down to one machine; every row that is about a machine carries it, so that pages need no second look-up. */
export const machinePlace = z.object({
  machine_id: id,
  machine_name: z.string(),
  machine_title: z.string(),
  line_id: id,
  line_name: z.string(),
  line_title: z.string(),
  site_id: id,
  site_name: z.string(),
  site_title: z.string(),
});
export type MachinePlace = z.output<typeof machinePlace>;

export const qualityName = z.enum(['bad', 'uncertain', 'good', 'stale']);
export type QualityName = z.output<typeof qualityName>;
/** 1 act now … 4 advisory; the same scale for alarms, faults (severity) and work orders. */
export const priority = z.int().min(1).max(4);
export const priorityInput = z.coerce.number<number | string>().int().min(1).max(4);
