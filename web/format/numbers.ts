import { locale } from './locale.ts';

/** What stands where a figure is not known. A zero would be a lie. */
export const unknownFigure = '—';

const cache = new Map<string, Intl.NumberFormat>();

function formatter(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale()} ${JSON.stringify(options)}`;
  let made = cache.get(key);
  if (made === undefined) {
    made = new Intl.NumberFormat(locale(), options);
    cache.set(key, made);
  }
  return made;
}

/** A whole number with the locale's grouping. */
export function formatCount(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return unknownFigure;
  return formatter({ maximumFractionDigits: 0 }).format(value);
}

/** A ratio (0.714) as a percentage with one decimal ("71.4 %" or "71,4 %"); `digits` decimals. */
export function formatPercent(ratio: number | null | undefined, digits = 1): string {
  if (ratio == null || !Number.isFinite(ratio)) return unknownFigure;
  return formatter({ style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits }).format(ratio);
}

/** A ratio as a bare number of percent ("71.4"), for columns whose heading carries the sign. */
export function formatPercentNumber(ratio: number | null | undefined, digits = 1): string {
  if (ratio == null || !Number.isFinite(ratio)) return unknownFigure;
  return formatter({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(ratio * 100);
}

/**
 * A measured value with as many decimals as its size deserves: four significant digits, never more than three
 * decimals, so that a column of values keeps its width while the last digit moves.
 */
export function formatValue(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return unknownFigure;
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 0.0005))
    return formatter({ notation: 'scientific', maximumFractionDigits: 2 }).format(value);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return formatter({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** A number on an axis: no more digits than it has. */
export function formatTick(value: number): string {
  return formatter({ maximumFractionDigits: 3 }).format(value);
}

const unitNames = new Map([
  ['Cel', '°C'],
  ['[degF]', '°F'],
  ['mm/s', 'mm/s'],
  ['{rpm}', '1/min'],
  ['/min', '1/min'],
  ['N.m', 'N m'],
  ['L/min', 'l/min'],
  ['m3/h', 'm³/h'],
  ['m/s2', 'm/s²'],
  ['[g]', 'g'],
  ['dB[SPL]', 'dB'],
  ['1', ''],
]);

/** A UCUM code as people write it: "Cel" is "°C". Annotations in braces are dropped. */
export function formatUnit(code: string): string {
  return unitNames.get(code) ?? code.replace(/\{[^}]*\}/g, '').replace('.', ' ');
}

/** Bytes with a decimal unit, such as "12.4 MB". */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes == null || !Number.isFinite(bytes)) return unknownFigure;
  const step = bytes >= 1e9 ? 3 : bytes >= 1e6 ? 2 : bytes >= 1e3 ? 1 : 0;
  const unit = ['byte', 'kilobyte', 'megabyte', 'gigabyte'][step] ?? 'byte';
  return formatter({
    style: 'unit',
    unit,
    unitDisplay: step === 0 ? 'long' : 'short',
    maximumFractionDigits: 1,
  }).format(bytes / 1000 ** step);
}
