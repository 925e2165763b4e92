import { monotonic } from '../../core/clock.ts';

export interface Progress {
  /** A new phase, such as "loading". */
  phase(name: string): void;
  /** How far the phase is, 0 to 1, and what has been done in it, such as "12,000,000 readings". */
  update(fraction: number, done: string, rows: number): void;
  /** A line that stays. */
  say(line: string): void;
  end(): void;
}

/**
 * Progress for people: one line that is written over on a terminal; otherwise (a log, a pipe) a line every ten seconds
 * and one at the end of each phase.
 */
export function createProgress(
  write: (text: string) => void,
  isTerminal: boolean,
  now: () => number = monotonic,
): Progress {
  let name = '';
  let startedAt = 0;
  let shownAt = Number.NEGATIVE_INFINITY;
  let last = '';
  let open = false;

  function line(fraction: number, done: string, rows: number): string {
    const seconds = (now() - startedAt) / 1000;
    const rate = seconds > 0.5 && rows > 0 ? `, ${Math.round(rows / seconds).toLocaleString('en')}/s` : '';
    const left =
      fraction > 0.01 && fraction < 1 && seconds > 2 ? `, ${duration((seconds / fraction) * (1 - fraction))} left` : '';
    const filled = Math.round(fraction * 24);
    const bar = isTerminal ? `${'█'.repeat(filled)}${'░'.repeat(24 - filled)} ` : '';
    return `${name.padEnd(10)} ${bar}${(fraction * 100).toFixed(0).padStart(3)} %  ${done}${rate}${left}`;
  }

  function clear(): void {
    if (isTerminal && open) write('\r\u001b[2K');
    open = false;
  }

  function finishPhase(): void {
    if (last === '') return;
    clear();
    // A log is read by programs too, which divide by it.
    write(`${last}, in ${((now() - startedAt) / 1000).toFixed(isTerminal ? 1 : 3)} s\n`);
    last = '';
  }

  return {
    phase(next) {
      finishPhase();
      name = next;
      startedAt = now();
      shownAt = now();
    },
    update(fraction, done, rows) {
      last = line(Math.min(1, fraction), done, rows);
      if (now() - shownAt < (isTerminal ? 100 : 10_000)) return;
      shownAt = now();
      clear();
      write(isTerminal ? last : `${last}\n`);
      open = isTerminal;
    },
    say(text) {
      clear();
      write(`${text}\n`);
    },
    end: finishPhase,
  };
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
