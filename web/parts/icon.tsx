import type { ReadonlySignal } from '@preact/signals';
import { type IconName, icons } from './icons.ts';

/** An icon beside a word; it says nothing to a screen reader, the word does. */
export function Icon({ name, path }: { name?: IconName; path?: ReadonlySignal<string> }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={path ?? (name === undefined ? '' : icons[name])} />
    </svg>
  );
}
