import { z } from 'zod';
import { id, idInput, pageOf, pageQuery } from './common.ts';

export const site = z.object({
  site_id: id,
  name: z.string(),
  title: z.string(),
  /** IANA zone: shifts and production days of the site are local to it. */
  time_zone: z.string(),
  lines: z.int(),
  machines: z.int(),
});
export type Site = z.output<typeof site>;
export const sitePage = pageOf(site);
export type SitePage = z.output<typeof sitePage>;

export const line = z.object({
  line_id: id,
  site_id: id,
  site_name: z.string(),
  site_title: z.string(),
  time_zone: z.string(),
  name: z.string(),
  title: z.string(),
  position: z.int(),
  machines: z.int(),
  constraint_machine_id: id.nullable(),
});
export type Line = z.output<typeof line>;
export const linePage = pageOf(line);
export type LinePage = z.output<typeof linePage>;
export const linesQuery = pageQuery.extend({ site: idInput.optional() });
export type LinesQuery = z.input<typeof linesQuery>;
