import { useComputed } from '@preact/signals';
import type { Machine } from '../../api/schemas/machine.ts';
import { formatElapsed, formatElapsedCalm } from '../format/times.ts';
import { now, stateOf } from '../live/store.ts';
import { Icon } from './icon.tsx';
import { icons } from './icons.ts';
import { stateLooks } from './machine-state.ts';
import { openByMachine } from './open-work.ts';

/**
 * What fits into a tile: the last word says what it is ("Coolant pump 12" is a "pump 12"), the number which. The words
 * before it are in the title and on the line's page, where the tiles are wide (`whole`).
 */
export function shortTitle(title: string, whole: boolean): { stem: string; number: string } {
  const [, stem = title, number = ''] = /^(.*\S)\s+(\S*\d\S*)$/.exec(title) ?? [];
  const word = whole ? stem : (stem.split(/\s+/).at(-1) ?? stem);
  return { stem: word.charAt(0).toUpperCase() + word.slice(1), number };
}

/**
 * One machine on the overview: what it does, for how long, and whether somebody has to come. Each piece of text hangs on
 * its own signal, so a tick of 236 tiles changes text nodes and draws no component again.
 */
export function Tile({ machine, focusable = false }: { machine: Machine; focusable?: boolean }) {
  const held = stateOf(machine.machine_id);
  const look = useComputed(() => (held.value === null ? null : stateLooks[held.value.state]));
  const tone = useComputed(() => `tile tone-${look.value?.tone ?? 'none'}`);
  const icon = useComputed(() => icons[look.value?.icon ?? 'none']);
  const line = useComputed(() => {
    const state = held.value;
    if (state === null) return 'never heard';
    const elapsed = now.value - state.since_ms;
    // Only what somebody may have to act on counts seconds.
    if (state.state === 'running') return formatElapsedCalm(elapsed);
    const calm = state.state === 'planned_stop' || state.state === 'no_data';
    return `${stateLooks[state.state].label} ${calm ? formatElapsedCalm(elapsed) : formatElapsed(elapsed)}`;
  });
  const work = useComputed(() => openByMachine.value.get(machine.machine_id));
  const mark = useComputed(() =>
    work.value === undefined ? 'tile-mark-none' : `tile-mark mark-${Math.min(work.value.priority, 4)}`,
  );
  const markIcon = useComputed(() =>
    work.value === undefined ? '' : icons[work.value.orders > 0 ? 'wrench' : 'bell'],
  );
  const label = useComputed(() => {
    const open = work.value;
    const more = open === undefined ? '' : `, ${open.alarms} open alarms, ${open.orders} open work orders`;
    return `${machine.machine_title}: ${look.value?.label ?? 'never heard'}${more}`;
  });
  const { stem, number } = shortTitle(machine.machine_title, focusable);
  return (
    <a
      class={tone}
      href={`/machines/${machine.machine_id}`}
      aria-label={label}
      title={label}
      tabIndex={focusable ? 0 : -1}
    >
      <Icon path={icon} />
      <span class="tile-name">
        <span class="tile-title">{stem}</span>
        {number !== '' && <span>{number}</span>}
        <span class={mark} aria-hidden="true">
          <Icon path={markIcon} />
        </span>
      </span>
      <span class="tile-line">{line}</span>
    </a>
  );
}
