import { expect, test } from 'vitest';
import { drawTrend, type FrozenTrend, readEvidence } from './evidence.ts';

const minutes = Array.from({ length: 60 }, (_, at) => 1_795_170_000 + at * 60);
const seconds = Array.from({ length: 60 }, (_, at) => 1_795_173_000 + at * 10);
// As it was frozen at first: several resolutions of each signal, every sensor, and limits only where an alarm names one.
const older = {
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

test('older evidence of a diagnosed fault', () => {
  const evidence = readEvidence(older);
  expect(evidence.reasons).toEqual([]);
  expect(evidence.alarms).toEqual([
    { message: 'vibration is 3.205 mm/s, at or above its high limit of 3 mm/s.', raised_ms: null },
  ]);
  expect(evidence.modes).toEqual([
    ['bearing', 1],
    ['tool_wear', 0.075],
    ['electrical', 0],
  ]);
  expect(evidence.symptoms.map((one) => one.sentence)).toEqual([
    'Vibration was 2.870 mm/s, usually 1.890 mm/s.',
    'Torque was 22.60 N m, usually 23.00 N m.',
  ]);
  expect(evidence.confidence).toBe(0.95);
  expect(evidence.facts).toEqual([['rule', 'signatures/1']]);
});

test('the evidence as analytics/README.md describes it', () => {
  const sentence = 'Vibration is 9.1 mm/s, far above its usual 2.3 mm/s.';
  const at = '2026-11-20T10:00:00.000Z';
  const evidence = readEvidence({
    rule: 'signatures/1',
    summary: 'Vibration is 9.1 mm/s, far above its usual 2.3 mm/s; this looks like bearing damage.',
    scores: { bearing: 0.9 },
    symptoms: [
      { signal: 'vibration', value: 9.1, expected_value: 2.3, deviation: 14, since: at, sentence },
      { signal: 'torque', value: 9, expected_value: null, deviation: 6, since: null, sentence: 'Torque is 9 N.m.' },
    ],
    alarms: [{ signal: null, message: 'Two sensors are unusual.', raised_at: at, limit_value: null }],
    trend: [
      {
        signal: 'vibration',
        step_seconds: 10,
        times: [0, 10, 20],
        values: [2, 3, 9],
        expected: 2.3,
        limit_low_low: null,
        limit_low: null,
        limit_high: 7.1,
        limit_high_high: 40,
      },
    ],
    fault_started_at: at,
  });
  expect(evidence.reasons).toEqual([
    'Vibration is 9.1 mm/s, far above its usual 2.3 mm/s; this looks like bearing damage.',
  ]);
  expect(evidence.symptoms).toEqual([
    { signal: 'vibration', sentence, since_ms: Date.parse(at), deviation: 14 },
    { signal: 'torque', sentence: 'Torque is 9 N.m.', since_ms: null, deviation: null },
  ]);
  expect(evidence.alarms).toEqual([{ message: 'Two sensors are unusual.', raised_ms: Date.parse(at) }]);
  expect(evidence.started_ms).toBe(Date.parse(at));
  expect(evidence.trends[0]).toMatchObject({
    expected: 2.3,
    limits: [
      { name: 'high', value: 7.1 },
      { name: 'highest', value: 40 },
    ],
  });
  expect(evidence.facts).toEqual([['rule', 'signatures/1']]);
  // 40 is too far off: with it the trend would be a flat line at the bottom.
  expect(drawTrend(evidence.trends[0] as FrozenTrend, 300, 100)).toMatchObject({
    low: 2,
    high: 9,
    limits: [{ name: 'high', value: 7.1 }],
  });
});

test('coarse and fine points of a signal become one trend, without overlap', () => {
  const [trend, ...others] = readEvidence(older).trends;
  expect(others).toEqual([]);
  expect(trend).toMatchObject({ signal: 'vibration', limits: [{ name: '', value: 3 }] });
  const { time_ms = [], value = [] } = trend ?? {};
  expect(time_ms).toEqual([...time_ms].sort((a, b) => a - b));
  expect(new Set(time_ms).size).toBe(time_ms.length);
  expect([value[0], value.at(-1)]).toEqual([1, 2]);
  expect(time_ms).toHaveLength(50 + 60);
});

test('missing points are a gap', () => {
  const [, coarse] = older.trend;
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
    signal: 'x',
    unit: '',
    time_ms: [0, 1, 2, 3],
    value: [1, null, 2, 3],
    expected: null,
    limits: [],
  };
  expect(drawTrend(trend, 300, 100).path.match(/M/g)).toHaveLength(2);
  expect(drawTrend({ ...trend, value: [5, 5, 5, 5] }, 300, 100).path).toBe(
    'M0.0 50.0L100.0 50.0L200.0 50.0L300.0 50.0',
  );
});
