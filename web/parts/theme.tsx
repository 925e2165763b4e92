import { signal } from '@preact/signals';
import { Icon } from './icon.tsx';

const stored = signal(document.documentElement.dataset['theme'] ?? null);
/** Counts changes of the theme, by hand or by the system, for what is painted on a canvas. */
export const themeChanges = signal(0);

const bySystem = matchMedia('(prefers-color-scheme: dark)');
bySystem.addEventListener('change', () => {
  themeChanges.value++;
});

/** Light or dark by hand. Choosing what the system has anyway follows the system again. */
export function ThemeButton() {
  const isDark = stored.value === null ? bySystem.matches : stored.value === 'dark';
  function toggle(): void {
    const next = isDark ? 'light' : 'dark';
    const followsSystem = (next === 'dark') === bySystem.matches;
    stored.value = followsSystem ? null : next;
    if (followsSystem) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = next;
    try {
      if (followsSystem) localStorage.removeItem('millrace.theme');
      else localStorage.setItem('millrace.theme', next);
    } catch {
      // Storage is blocked: the choice holds until the page is left.
    }
    themeChanges.value++;
  }
  const label = isDark ? 'Light colours' : 'Dark colours';
  return (
    <button type="button" class="plain icon-button" aria-label={label} title={label} onClick={toggle}>
      <Icon name={isDark ? 'sun' : 'moon'} />
    </button>
  );
}
