import { monotonic } from '../clock.ts';

export interface Report {
  /** Shows that a part is starting, and when it is up how long it took. */
  step(name: string, work: () => Promise<string>): Promise<void>;
  say: (line: string) => void;
  /** Seconds since the command began, Node's own start included. */
  elapsedSeconds(): number;
}

/** What the person who typed `npm start` sees: one line a part, with its duration. */
export function createReport(write: (text: string) => void): Report {
  function say(line: string): void {
    write(`${line}\n`);
  }
  return {
    say,
    elapsedSeconds: () => monotonic() / 1000,
    async step(name, work) {
      const startedAt = monotonic();
      say(`  … ${name}`);
      const detail = await work();
      say(`  ✓ ${name.padEnd(11)} ${((monotonic() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${detail}`);
    },
  };
}
