import { describe, expect, test } from 'vitest';
import { coverageState, dataState, isPresent, type Observation } from './staleness.ts';

const at = Date.UTC(2026, 10, 20, 10, 0);
const good: Observation = { time_ms: at, quality: 192, expected_interval_seconds: 1, connected: true };

describe('data state', () => {
  test.each([
    [0, 'live'],
    [4, 'live'],
    [6, 'late'],
    [30, 'late'],
    [31, 'stale'],
    [86_400, 'stale'],
  ] as const)('a 1 Hz signal silent for %i s is %s', (seconds, state) => {
    expect(dataState(good, at + seconds * 1000)).toBe(state);
  });

  test.each([
    [100, 'live'],
    [130, 'late'],
    [299, 'late'],
    [301, 'stale'],
  ] as const)('a signal expected each minute, silent for %i s, is %s', (seconds, state) => {
    expect(dataState({ ...good, expected_interval_seconds: 60 }, at + seconds * 1000)).toBe(state);
  });

  test('quality decides while the value is fresh, age decides afterwards', () => {
    expect(dataState({ ...good, quality: 0 }, at)).toBe('bad');
    expect(dataState({ ...good, quality: 64 }, at)).toBe('uncertain');
    expect(dataState({ ...good, quality: 500 }, at)).toBe('stale');
    expect(dataState({ ...good, quality: 0 }, at + 60_000)).toBe('stale');
  });

  test('never beats offline beats everything else', () => {
    expect(dataState({ ...good, time_ms: null, connected: false }, at)).toBe('never');
    expect(dataState({ ...good, connected: false }, at)).toBe('offline');
    expect(dataState({ ...good, connected: null }, at)).toBe('live');
  });

  test('a source clock slightly ahead is live, not an error', () => {
    expect(dataState(good, at - 2000)).toBe('live');
  });

  test('only live, late and uncertain values are shown as present', () => {
    const present = (['live', 'late', 'stale', 'uncertain', 'bad', 'offline', 'never'] as const).filter(isPresent);
    expect(present).toEqual(['live', 'late', 'uncertain']);
  });
});

test('coverage', () => {
  expect([1, 0.95, 0.949, 0.5, 0.49, 0, null].map(coverageState)).toEqual([
    'full',
    'full',
    'partial',
    'partial',
    'thin',
    'thin',
    'not scheduled',
  ]);
});
