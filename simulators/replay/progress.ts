import { monotonic } from '../../core/clock.ts';

export interface Progress {
  /** Says how far it is, at most ten times a second on a terminal and every five seconds otherwise. */
  at(bytes: number, readings: number): void;
  end(): void;
}

/** A bar with rate and remaining time on a terminal; plain lines where the output goes to a file. */
export function createProgress(out: NodeJS.WriteStream, totalBytes: number): Progress {
  const startedAt = monotonic();
  const everyMs = out.isTTY ? 100 : 5000;
  let lastAt = startedAt;
  let last = '';
  return {
    at(bytes, readings) {
      const nowMs = monotonic();
      if (nowMs - lastAt < everyMs) return;
      lastAt = nowMs;
      const part = Math.min(1, bytes / Math.max(1, totalBytes));
      const seconds = (nowMs - startedAt) / 1000;
      const left = part > 0 ? (seconds / part) * (1 - part) : 0;
      const rate = Math.round(readings / seconds).toLocaleString('en');
      const percent = `${String(Math.floor(part * 100)).padStart(3)} %`;
      const text = `${percent}  ${readings.toLocaleString('en')} readings  ${rate}/s  ${duration(left)} left`;
      if (!out.isTTY) {
        out.write(`${text.trim()}\n`);
        return;
      }
      const full = Math.round(part * 30);
      last = `\r[${'#'.repeat(full)}${'.'.repeat(30 - full)}] ${text}`;
      out.write(`${last}   `);
    },
    end() {
      if (last !== '') out.write(`\r${' '.repeat(last.length + 3)}\r`);
    },
  };
}

function duration(seconds: number): string {
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s` : `${Math.ceil(seconds)} s`;
}
