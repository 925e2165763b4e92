import { expect, test } from 'vitest';
import type { OeeFigures } from '../../api/schemas/oee.ts';
import { sumFigures } from './sum-figures.ts';

function unit(planned: number, running: number, idealTotal: number | null, idealGood: number | null): OeeFigures {
  return {
    planned_seconds: planned,
    running_seconds: running,
    idle_seconds: 0,
    starved_seconds: 0,
    held_seconds: 0,
    setup_seconds: 0,
    down_seconds: 0,
    planned_stop_seconds: 0,
    no_data_seconds: 0,
    total_count: 0,
    good_count: 0,
    reject_count: 0,
    ideal_total_seconds: idealTotal,
    ideal_good_seconds: idealGood,
    availability: null,
    performance: null,
    quality: null,
    oee: null,
    nee: null,
    coverage: 1,
    flags: [],
  };
}

test('ratios are formed from sums, not averaged', () => {
  const sum = sumFigures([unit(100, 100, 100, 100), unit(900, 0, 0, 0)]);
  expect(sum?.availability).toBeCloseTo(0.1, 12);
  expect(sum?.oee).toBeCloseTo(0.1, 12);
  expect((sum?.availability ?? 0) * (sum?.performance ?? 0) * (sum?.quality ?? 0)).toBeCloseTo(sum?.oee ?? 0, 12);
});

test('a unit without ideal cycle is left out of the sum, and alone makes it unknown', () => {
  const measured = unit(100, 90, 80, 70);
  const unknown = unit(100, 50, null, null);
  const sum = sumFigures([measured, unknown]);
  expect([sum?.availability, sum?.oee]).toEqual([0.9, 0.7]);
  const none = sumFigures([unknown, unknown]);
  expect([none?.availability, none?.performance, none?.oee]).toEqual([0.5, null, null]);
});

test('nothing known is nothing, not zero', () => {
  expect(sumFigures([null, null])).toBeNull();
  expect(sumFigures([unit(0, 0, 0, 0)])?.oee).toBeNull();
});
