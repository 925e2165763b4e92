import { expect, test } from 'vitest';
import { type FrozenTrend, readEvidence, trendPath } from './evidence.ts';

const minutes = Array.from({ length: 60 }, (_, at) => 1_795_170_000 + at * 60);
const seconds = Array.from({ length: 60 }, (_, at) => 1_795_173_000 + at * 10);
// As analytics freezes it: several resolutions of each signal, the alarms, every sensor and every mode's score.
const frozen = {
  rule: 'signatures/1',
  confidence: 0.95,
  scores: { bearing: 1, tool_wear: 0.075, electrical: -0.3 },
  alarms: [
    {
      alarm_id: 3,
      signal: 'vibration',
      limit_value: 3,
      message: 'vibration is 3.205 mm/s, at or above its high limit of 3 mm/s.',
    },
  ],
  symptoms: [
    { signal: 'temperature', unit: 'Cel', value: 34.8, expected_value: 29.6, deviation: 1.8 },
    { signal: 'torque', unit: 'N.m', value: 22.6, expected_value: 23, deviation: -2.5 },
    { signal: 'vibration', unit: 'mm/s', value: 2.87, expected_value: 1.89, deviation: 12 },
  ],
  trend: [
    {
      signal_id: 28,
      signal: 'vibration',
      unit: 'mm/s',
      step_seconds: 10,
      times: seconds,
      values: seconds.map(() => 2),
    },
    {
      signal_id: 28,
      signal: 'vibration',
      unit: 'mm/s',
      step_seconds: 60,
      times: minutes,
      values: minutes.map(() => 1),
    },
  ],
};

test('the evidence of a diagnosed fault', () => {
  const evidence = readEvidence(frozen);
  expect(evidence.reasons).toEqual(['vibration is 3.205 mm/s, at or above its high limit of 3 mm/s.']);
  expect(evidence.modes).toEqual([
    ['bearing', 1],
    ['tool_wear', 0.075],
    ['electrical', 0],
  ]);
  expect(evidence.symptoms.map((one) => one.signal)).toEqual(['vibration', 'torque']);
  expect(evidence.facts).toEqual([
    ['rule', 'signatures/1'],
    ['confidence', '0.95'],
  ]);
});

test('coarse and fine points of a signal become one trend, without overlap', () => {
  const [trend, ...others] = readEvidence(frozen).trends;
  expect(others).toEqual([]);
  expect(trend).toMatchObject({ signal: 'vibration', limit: 3 });
  const { time_ms = [], value = [] } = trend ?? {};
  expect(time_ms).toEqual([...time_ms].sort((a, b) => a - b));
  expect(new Set(time_ms).size).toBe(time_ms.length);
  expect([value[0], value.at(-1)]).toEqual([1, 2]);
  expect(time_ms).toHaveLength(50 + 60);
});

test('missing points are a gap', () => {
  const [, coarse] = frozen.trend;
  const holed = { ...coarse, times: [0, 60, 120, 600, 660], values: [1, 1, 1, 2, 2] };
  expect(readEvidence({ trend: [holed] }).trends[0]?.value).toEqual([1, 1, 1, null, 2, 2]);
});

test('what is not understood is shown as it is, and what cannot be drawn is not drawn', () => {
  expect(readEvidence({ photo: { taken: 'yes', by: 7 }, nothing: null }).facts).toEqual([['photo', 'taken yes, by 7']]);
  for (const trend of [
    null,
    {},
    [{ times: [1], values: [1] }],
    [{ times: [1, 2], values: [1] }],
    [{ times: ['a', 'b'], values: [1, 2] }],
  ])
    expect(readEvidence({ trend }).trends).toEqual([]);
});

test('a missing value breaks the line, and a constant one is a line in the middle', () => {
  const trend: FrozenTrend = {
    signal_id: null,
    signal: 'x',
    unit: '',
    time_ms: [0, 1, 2, 3],
    value: [1, null, 2, 3],
    limit: null,
  };
  expect(trendPath(trend, 300, 100).path.match(/M/g)).toHaveLength(2);
  expect(trendPath({ ...trend, value: [5, 5, 5, 5] }, 300, 100).path).toBe(
    'M0.0 50.0L100.0 50.0L200.0 50.0L300.0 50.0',
  );
});
