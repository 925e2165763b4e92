/**
 * The browser's language as a tag that Intl accepts. Chromium in a C.UTF-8 container and some Linux kiosks report
 * "en-US@posix", on which every Intl constructor throws a RangeError.
 */
export function usableLocale(language: string | undefined): string {
  const candidates = [language, language?.split(/[@.]/)[0]?.replace('_', '-')];
  for (const candidate of candidates) {
    if (candidate === undefined || candidate === '') continue;
    try {
      return new Intl.NumberFormat(candidate).resolvedOptions().locale;
    } catch {
      // Not a language tag; the next candidate may be one.
    }
  }
  return 'en-US';
}

let current = usableLocale(typeof navigator === 'undefined' ? undefined : navigator.language);

/** The locale of every number and date on the page. */
export function locale(): string {
  return current;
}

/** Chooses another locale; the tests use it. */
export function setLocale(tag: string): void {
  current = usableLocale(tag);
}
