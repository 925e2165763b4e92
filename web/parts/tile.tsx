import { useComputed } from '@preact/signals';
import type { Machine } from '../../api/schemas/machine.ts';
import { formatElapsed, formatElapsedCalm, formatElapsedShort } from '../format/times.ts';
import { now, stateOf } from '../live/store.ts';
import { Icon } from './icon.tsx';
import { icons } from './icons.ts';
import { stateLooks } from './machine-state.ts';
import { openByMachine } from './open-work.ts';

/**
 * What fits into a tile: the last word says what it is ("Coolant pump 12" is a "pump 12"), the number which. The words
 * before it are in the title and on the line's page, where the tiles are wide (`whole`). A word that is still too long is
 * abbreviated as people do ("Compressor" is "Compr."): cut off in the middle it would look broken.
 */
export function shortTitle(title: string, whole: boolean): { stem: string; number: string } {
  const [, stem = title, number = ''] = /^(.*\S)\s+(\S*\d\S*)$/.exec(title) ?? [];
  if (whole) return { stem, number };
  const last = stem.split(/\s+/).at(-1) ?? stem;
  const word =
    last.length > longestWord && /^\p{L}+$/u.test(last) ? `${last.slice(0, 6).replace(/[aeiou]+$/, '')}.` : last;
  return { stem: word.charAt(0).toUpperCase() + word.slice(1), number };
}

/** Letters that fit into a tile of the overview beside a number, on a screen of 1440 px. */
const longestWord = 7;

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
    const wide = calm ? formatElapsedCalm : formatElapsed;
    const format = focusable ? wide : formatElapsedShort;
    return `${stateLooks[state.state].label} ${format(elapsed)}`;
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
      </span>
      <span class={mark} aria-hidden="true">
        <Icon path={markIcon} />
      </span>
      <span class="tile-line">{line}</span>
    </a>
  );
}
