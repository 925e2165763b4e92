import { usableLocale } from '../format/locale.ts';

/**
 * Loads the charting code when a page first needs it. uPlot builds an Intl.NumberFormat from navigator.language while it
 * is being imported and throws a RangeError on tags such as "en-US@posix" (kiosks and containers with a C locale), so a
 * language that Intl refuses is replaced first.
 */
export async function loadPlot(): Promise<typeof import('./plot.ts')> {
  const usable = usableLocale(navigator.language);
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, 'language', { value: usable, configurable: true });
  }
  return import('./plot.ts');
}
