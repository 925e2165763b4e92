import { expect, test } from 'vitest';
import { composeReport } from './report.ts';
import type { BenchResult } from './result.ts';

const result = (changes: Partial<BenchResult>): BenchResult => ({
  name: 'ingest',
  engine: 'timescale',
  started_at: '2026-11-20T12:00:00.000Z',
  seconds: 60,
  size: { seconds: 8, repeats: 5 },
  clean: true,
  only_noise: true,
  seed: 1781,
  commit: 'abc1234567',
  machine: { cpu: 'a processor', cores: 2, memory_gib: 23, kernel: '6.1', node: 'v24.21.0' },
  versions: { database: 'TimescaleDB' },
  foreign_load: 0,
  measures: [
    { what: 'Millrace / L1', value: 0.81, unit: '', low: 0.79, high: 0.84, goal: { text: '≥ 0.75', met: true } },
  ],
  curves: [],
  profiles: [],
  refused: [],
  notes: [],
  ...changes,
});

test('goals stand beside their figures on both engines, with what was not reached and what was refused', () => {
  const page = composeReport(
    [
      result({}),
      result({
        engine: 'embedded',
        measures: [{ what: 'Millrace / L1', value: 0.6, unit: '', goal: { text: '≥ 0.75', met: false } }],
      }),
      result({
        name: 'storage',
        measures: [{ what: 'on disk', value: 9, unit: 'B', goal: { text: '≤ 8 B', met: false } }],
        refused: ['others use 50 % of the machine'],
      }),
    ],
    (name) => (name === 'ingest' ? 'What a person says.' : ''),
  );
  expect(page).toContain('| ingest: Millrace / L1 | ≥ 0.75 | 0.81 [0.79–0.84] – reached | 0.6 – **not reached** |');
  expect(page).toContain('| storage: on disk | ≤ 8 B | 9 B – refused |  |');
  expect(page).toContain('> **Refused (timescale)**: others use 50 % of the machine.');
  expect(page).toContain('What a person says.');
  expect(page).toMatch(/There is no result yet of: .*queries/);
});

test('a curve is drawn with its exponent', () => {
  const curve = {
    what: 'CPU',
    x: 'sensors',
    y: '% of a core',
    points: [
      { x: 1781, y: 3 },
      { x: 17_810, y: 29.5 },
    ],
    exponent: 0.993,
  };
  const page = composeReport([result({ name: 'growth', curves: [curve] })], () => '');
  expect(page).toContain('title "CPU (timescale), exponent 0.99"');
  expect(page).toContain('x-axis "sensors" ["1,781", "17,810"]');
  expect(page).toContain('line [3, 29.5]');
});
