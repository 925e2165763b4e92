import { expect, test } from 'vitest';
import { plotGrowth } from './growth-plot.ts';
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
  const page = composeReport([
    result({}),
    result({
      engine: 'embedded',
      measures: [{ what: 'Millrace / L1', value: 0.6, unit: '', goal: { text: '≥ 0.75', met: false } }],
    }),
    result({
      name: 'storage',
      measures: [{ what: 'on disk after compression', value: 9, unit: 'B', goal: { text: '≤ 8 B', met: false } }],
      refused: ['others used 50 % of the machine during the run'],
    }),
  ]);
  expect(page).toContain('0.81 [0.79–0.84] – reached (Millrace / L1)');
  expect(page).toContain('0.6 – **not reached** (Millrace / L1)');
  expect(page).toContain('9 B – *refused* (on disk after compression)');
  expect(page).toContain('- storage on TimescaleDB: others used 50 % of the machine during the run');
  expect(page).toContain('- queries on TimescaleDB: there is no result');
  // Every goal has its row, also those that nothing was measured for.
  expect(page).toContain('start, later start → first live value: not measured');
  expect(page).not.toContain('NOT CLEAN');
});

test('what is not reached comes with its profile, a reason and what would change it', () => {
  const page = composeReport([
    result({
      measures: [{ what: 'Millrace / L1', value: 0.6, unit: '', goal: { text: '≥ 0.75', met: false } }],
      profiles: [
        {
          process: 'the whole machine by program',
          functions: [
            { name: 'postgres', where: '', percent: 70 },
            { name: 'MainThread', where: '', percent: 30 },
          ],
          idle_percent: 5,
          busiest_thread: { name: 'postgres', percent: 70 },
        },
        { process: 'ingest', functions: [], parts: [{ name: 'ingest/store', percent: 40 }] },
      ],
    }),
  ]);
  const part = page.slice(page.indexOf('## Not reached'), page.indexOf('## Refused'));
  expect(part).toContain('### Sparkplug B');
  expect(part).toContain('the database had most of them: postgres 70 %, MainThread 30 %');
  expect(part).toContain('the cores are used up, and no single thread is (the busiest thread, postgres, used 70 %');
  expect(part).toContain('ingest spent its own time in ingest/store 40 %');
  expect(part).toContain('**What would change it**: L1 has both cores to itself');
});

test.each([
  [{ idle_percent: 23, busiest_thread: { name: 'postgres', percent: 80 } }, 'neither the cores nor a single thread'],
  [{ idle_percent: 23, busiest_thread: { name: 'mosquitto', percent: 97 } }, 'one thread is the limit'],
  [{ idle_percent: 60 }, 'it is not work but waiting'],
])('the reason does not name cores that were idle: %j', (machine, expected) => {
  const functions = [{ name: 'postgres', where: '', percent: 90 }];
  const page = composeReport([
    result({
      measures: [{ what: 'Millrace / L1', value: 0.6, unit: '', goal: { text: '≥ 0.75', met: false } }],
      profiles: [{ process: 'the whole machine by program', functions, ...machine }],
    }),
  ]);
  expect(page).toContain(expected);
  expect(page).not.toContain('the cores are used up');
});

test('a figure that is missed on the embedded engine alone is none of the goals', () => {
  const missed = [{ what: 'Millrace / L1', value: 0.6, unit: '', goal: { text: '≥ 0.75', met: false } }];
  expect(composeReport([result({}), result({ engine: 'embedded', measures: missed })])).toContain('No goal that was');
  expect(composeReport([result({ engine: 'embedded', measures: missed })])).toContain('### Sparkplug B');
});

test('a trial says that it is one', () => {
  expect(composeReport([result({ refused: ['measured with --busy, for a trial'] })])).toContain('NOT CLEAN');
});

test('a curve is drawn on logarithmic axes with its exponent', () => {
  const points = [
    { x: 1000, y: 2 },
    { x: 10_000, y: 20 },
  ];
  const curve = { what: 'CPU', x: 'sensors', y: '% of a core', points, exponent: 1 };
  const svg = plotGrowth([{ engine: 'timescale', curve }]);
  expect(svg).toContain('timescale: x^1.00');
  // From corner to corner: both axes span the decade.
  expect(svg).toContain('<polyline points="70.0,254.0 410.0,34.0"');
  const page = composeReport([result({ name: 'growth', curves: [curve] })]);
  expect(page).toContain('(images/growth-cpu.svg)');
  expect(page).toContain('| TimescaleDB | 2 % of a core | 20 % of a core | 1.00 |');
});
