import { showNumber } from './context.ts';
import type { Profile } from './profile.ts';
import type { BenchResult, Measure } from './result.ts';

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

/** A figure with its unit and, for ratios, its interval. */
export function figure({ value, unit, low, high }: Measure): string {
  // JSON keeps what is not a number as null.
  if (!Number.isFinite(value)) return 'not known';
  const interval = low !== undefined && high !== undefined ? ` [${showNumber(low)}–${showNumber(high)}]` : '';
  return `${showNumber(value)}${unit === '' ? '' : ` ${unit}`}${interval}`;
}

/** The least and the most of a figure's repeats, where it has no interval of its own. */
export function spread({ repeats = [], low }: Measure): string {
  if (repeats.length < 2 || low !== undefined) return '';
  return `, ${showNumber(Math.min(...repeats))} to ${showNumber(Math.max(...repeats))}`;
}

/** Why a figure must not be used; undefined when it may. */
export function usable(result: BenchResult, measure: Measure): string | undefined {
  return result.refused[0] ?? measure.refused;
}

/** Functions of a process by their own time, and folders or packages where they are known. */
export function profileTable({ process, functions, parts, note }: Profile, most = 15): string {
  return [
    `${process}${parts === undefined ? '' : ` (by part: ${parts.map(({ name, percent }) => `${name} ${percent.toFixed(0)} %`).join(', ')})`}:`,
    '',
    table(
      ['own time', 'what', 'where'],
      functions.slice(0, most).map(({ name, where, percent }) => [`${percent.toFixed(1)} %`, `\`${name}\``, where]),
    ),
    ...(note === undefined ? [] : [note, '']),
  ].join('\n');
}
