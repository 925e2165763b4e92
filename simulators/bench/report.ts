import type { BenchResult } from './result.ts';

export function writeReport(results: BenchResult[]): void {
  process.stdout.write(`${results.length}\n`);
}
