import { computed, signal } from '@preact/signals';
import type { Machine } from '../api/schemas/machine.ts';
import type { Line, Site } from '../api/schemas/site.ts';
import { getAll, sentenceFor } from './fetch.ts';

export interface Plant {
  sites: Site[];
  lines: Line[];
  machines: Machine[];
}

/** The plant's master data; null until loaded. Machine states in it are as old as the answer: the stream has the present ones. */
export const plant = signal<Plant | null>(null);
export const plantError = signal<string | null>(null);

const zones = computed(() => new Map(plant.value?.sites.map((site) => [site.site_id, site.time_zone])));

/** The IANA zone of a site: all times of its machines are shown in it. */
export function zoneOf(siteId: number): string {
  return zones.value.get(siteId) ?? 'UTC';
}

/** Loads the plant anew. Errors end in `plantError`, and the plant shown so far stays. */
export async function loadPlant(): Promise<void> {
  try {
    const [sites, lines, machines] = await Promise.all([
      getAll<Site>('/sites'),
      getAll<Line>('/lines'),
      getAll<Machine>('/machines'),
    ]);
    lines.sort((a, b) => a.site_id - b.site_id || a.position - b.position || a.line_id - b.line_id);
    machines.sort((a, b) => a.position - b.position || a.machine_id - b.machine_id);
    plant.value = { sites, lines, machines };
    plantError.value = null;
  } catch (error) {
    plantError.value = sentenceFor(error);
  }
}
