import type { ComponentChildren } from 'preact';
import type { MachinePlace } from '../../api/schemas/common.ts';
import { formatMoment, formatRecent, formatZone } from '../format/times.ts';
import { now } from '../live/store.ts';
import { zoneOf } from '../plant.ts';

/** "bearing" → "Bearing", "tool_wear" → "Tool wear", "plc_17" → "PLC code 17". */
export function sentenceCase(code: string): string {
  const plc = /^plc_(\d+)$/.exec(code)?.[1];
  if (plc !== undefined) return `PLC code ${plc}`;
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What a priority asks of people, by its number. */
export const priorityWords = ['', 'act now', 'today', 'this week', 'advisory'];

/** P1 … P4: number, shape and colour. */
export function Priority({ value }: { value: number }) {
  return (
    <span class={`priority priority-${value}`} title={`Priority ${value}: ${priorityWords[value] ?? ''}`}>
      P{value}
    </span>
  );
}

/** A moment in the zone of its site, the zone named; the full date in the title. `at` is RFC 3339. */
export function Moment({ at, site, zone = true }: { at: string | null; site: number; zone?: boolean }) {
  if (at === null) return <span class="muted">—</span>;
  const ms = Date.parse(at);
  const place = zoneOf(site);
  return (
    <time dateTime={at} title={`${formatMoment(ms, place, true)} ${place}`}>
      {formatRecent(ms, place, now.peek())}
      {zone && <span class="zone"> {formatZone(ms, place)}</span>}
    </time>
  );
}

/** Machine, line and site of a row, each a link up. */
export function Place({ row }: { row: MachinePlace }) {
  return (
    <span class="place">
      <a href={`/machines/${row.machine_id}`}>{row.machine_title}</a>
      <span class="place-up">
        <a href={`/lines/${row.line_id}`}>{row.line_title}</a> · {row.site_title}
      </span>
    </span>
  );
}

/** A name and its figure in a definition list. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
