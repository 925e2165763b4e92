import { describe, expect, it } from 'vitest';
import { type OeeComponents, oeeRatios, sumComponents } from './oee-ratios.ts';

const minutes = 60;

/** Components of one product, times in minutes, the cycle in seconds. */
function parts(
  planned: number,
  running: number,
  cycleSeconds: number,
  total: number,
  good: number,
  setup = 0,
): OeeComponents {
  return {
    planned_seconds: planned * minutes,
    running_seconds: running * minutes,
    setup_seconds: setup * minutes,
    no_data_seconds: 0,
    total_count: total,
    good_count: good,
    ideal_total_seconds: cycleSeconds * total,
    ideal_good_seconds: cycleSeconds * good,
  };
}

const g3 = [
  parts(455, 455 - 32, 10, 2240, 2190),
  parts(455, 455 - 18, 45, 450, 425),
  parts(455, 455 - 22, 70, 229, 218),
] as const;

describe('published examples', () => {
  it.each([
    ['G1 Vorne worksheet', parts(420, 373, 1, 19_271, 18_848), 0.888095, 0.861081, 0.97805, 0.747937],
    ['G2 breakdown as planned loss', parts(2780, 1820, 60 / 1.041, 1626, 1618), 0.654676, 0.85822, 0.99508, 0.559092],
    ['G3a', g3[0], 0.92967, 0.882585, 0.977679, 0.802198],
    ['G3b', g3[1], 0.96044, 0.772311, 0.944444, 0.700549],
    ['G3c', g3[2], 0.951648, 0.617013, 0.951965, 0.558974],
    ['G3 pooled', sumComponents(g3), 0.947253, 0.756381, 0.959185, 0.687241],
    ['G4', parts(480, 420, 60, 400, 380), 0.875, 0.952381, 0.95, 0.791667],
    ['G5', parts(480, 420, 60, 380, 360), 0.875, 0.904762, 0.947368, 0.75],
    ['G10 ISO 22400', parts(450, 360, 30, 680, 646, 40), 0.8, 0.944444, 0.95, 0.717778],
  ])('%s', (_name, components, availability, performance, quality, oee) => {
    const ratios = oeeRatios(components);
    expect(ratios.availability).toBeCloseTo(availability, 6);
    expect(ratios.performance).toBeCloseTo(performance, 6);
    expect(ratios.quality).toBeCloseTo(quality, 6);
    expect(ratios.oee).toBeCloseTo(oee, 6);
    // The identity OEE = A × P × Q must hold for every example, pooled ones included.
    expect((ratios.availability ?? 0) * (ratios.performance ?? 0) * (ratios.quality ?? 0)).toBeCloseTo(
      ratios.oee ?? -1,
      12,
    );
  });

  it('G6: changeover is an availability loss', () => {
    const ratios = oeeRatios(parts(910, 910 - 115 - 12, 180, 203, 203, 12));
    expect(ratios.availability).toBeCloseTo(0.86044, 6);
    expect(ratios.performance).toBeCloseTo(0.777778, 6);
  });

  it('G7: OEE and TEEP of given factors', () => {
    const ratios = oeeRatios({
      planned_seconds: 100,
      running_seconds: 85,
      setup_seconds: 0,
      no_data_seconds: 0,
      total_count: 100,
      good_count: 98,
      ideal_total_seconds: 85 * 0.95,
      ideal_good_seconds: 85 * 0.95 * 0.98,
    });
    expect(ratios.oee).toBeCloseTo(0.79135, 6);
    expect((ratios.oee ?? 0) * (96 / 168)).toBeCloseTo(0.4522, 4);
  });

  it('G8: quick OEE is good pieces against ideal pieces', () => {
    expect(oeeRatios(parts(480, 480, 1, 9000, 9000)).oee).toBeCloseTo(0.3125, 12);
  });

  it('G9: pooling sums, it does not average', () => {
    const pooled = oeeRatios(sumComponents([parts(480, 400, 60, 380, 370), parts(120, 60, 60, 30, 30)]));
    expect(pooled.oee).toBeCloseTo(0.666667, 6);
    expect(pooled.oee).not.toBeCloseTo(0.510417, 3);
  });

  it('G3 pooled: quality is weighted by ideal time, not by pieces', () => {
    expect(oeeRatios(sumComponents(g3)).quality).not.toBeCloseTo(0.970538, 4);
  });

  it('G10: NEE does not count setup as a loss', () => {
    expect(oeeRatios(parts(450, 360, 30, 680, 646, 40)).nee).toBeCloseTo(0.797531, 6);
  });
});

describe('edges', () => {
  it('nothing planned is null, not 0 and not 1', () => {
    expect(oeeRatios(parts(0, 0, 60, 0, 0))).toEqual({
      availability: null,
      performance: null,
      quality: null,
      oee: null,
      nee: null,
      coverage: null,
      flags: [],
    });
  });

  it('planned, but neither run nor made: A and OEE are 0, P and Q unknown', () => {
    const ratios = oeeRatios(parts(60, 0, 60, 0, 0));
    expect(ratios).toMatchObject({ availability: 0, performance: null, quality: null, oee: 0, flags: [] });
  });

  it('ran and made nothing: P is 0 and Q unknown', () => {
    expect(oeeRatios(parts(60, 30, 60, 0, 0))).toMatchObject({
      availability: 0.5,
      performance: 0,
      quality: null,
      oee: 0,
    });
  });

  it('pieces without running time are flagged', () => {
    const ratios = oeeRatios(parts(60, 0, 60, 5, 5));
    expect(ratios.performance).toBeNull();
    expect(ratios.flags).toEqual(['counted_without_running']);
  });

  it('performance above 1 is kept and flagged', () => {
    const ratios = oeeRatios(parts(60, 60, 60, 66, 66));
    expect(ratios.performance).toBeCloseTo(1.1, 12);
    expect(ratios.flags).toEqual(['ideal_cycle_too_slow']);
  });

  it('one piece that was begun before is no sign of a wrong ideal cycle', () => {
    expect(oeeRatios(parts(60, 60, 60, 61, 61))).toMatchObject({ performance: 61 / 60, flags: [] });
    expect(oeeRatios(parts(60, 60, 60, 62, 62)).flags).toEqual(['ideal_cycle_too_slow']);
  });

  it('a product without an ideal cycle makes P and OEE unknown, also in a sum', () => {
    const unknown = { ...parts(60, 30, 60, 10, 9), ideal_total_seconds: null, ideal_good_seconds: null };
    const ratios = oeeRatios(sumComponents([parts(60, 60, 60, 50, 50), unknown]));
    expect(ratios).toMatchObject({ performance: null, oee: null, flags: ['no_ideal_cycle'] });
    expect(ratios.quality).toBeCloseTo(59 / 60, 12);
    expect(ratios.availability).toBeCloseTo(0.75, 12);
  });

  it.each([
    ['running and not counting', 30, 0],
    ['counting', 30, 10],
    ['standing', 0, 0],
  ])('without any ideal cycle P, OEE and NEE are unknown, not 0: %s', (_name, running, total) => {
    const unknown = { ...parts(60, running, 60, total, total), ideal_total_seconds: null, ideal_good_seconds: null };
    expect(oeeRatios(unknown)).toMatchObject({ performance: null, oee: null, nee: null, flags: ['no_ideal_cycle'] });
  });

  it('time without data lowers coverage and nothing else', () => {
    const ratios = oeeRatios({ ...parts(30, 15, 60, 15, 15), no_data_seconds: 1800 });
    expect(ratios).toMatchObject({ availability: 0.5, performance: 1, oee: 0.5, coverage: 0.5 });
  });
});
