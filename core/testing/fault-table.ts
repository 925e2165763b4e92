import type { Reporter, TestModule } from 'vitest/node';
import type { FaultRecord } from './fault-record.ts';

/** Vitest reporter that prints what the fault tests of a run found as one table. Says nothing when there were none. */
export default class FaultTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const records: (FaultRecord & { passed: boolean })[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const passed = test.result().state === 'passed';
        for (const fault of test.meta().faults ?? []) records.push({ ...fault, passed });
      }
    }
    if (records.length > 0) process.stdout.write(`\n${faultTable(records)}\n`);
  }
}

const counts = ['runs', 'sent', 'acknowledged', 'stored', 'lost', 'doubled'] as const;

/** The records as text, one line each and the sum of all (of memory the largest); a test that failed is marked. */
export function faultTable(records: readonly (FaultRecord & { passed: boolean })[]): string {
  const total = counts.map((name) => records.reduce((sum, record) => sum + record[name], 0));
  const peak = Math.max(0, ...records.map(({ peak_mb = 0 }) => peak_mb));
  const lines = [
    ['fault', 'engine', ...counts, 'peak MB'],
    ...records.map((record) => [
      record.passed ? record.fault : `FAILED: ${record.fault}`,
      record.engine,
      ...counts.map((name) => record[name].toLocaleString('en')),
      record.peak_mb?.toLocaleString('en') ?? '',
    ]),
    ['all', '', ...total.map((sum) => sum.toLocaleString('en')), peak === 0 ? '' : peak.toLocaleString('en')],
  ];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
