import { describe, expect, it } from 'vitest';
import { chiSquareQuantile } from './chi-square.ts';
import { countReliability, estimateReliability, type ReliabilityCounts, type StateSpan } from './estimate.ts';

const hour = 3600;

function counts(operatingHours: number, failures: number, repairHours = 0, downHours = repairHours): ReliabilityCounts {
  return {
    operating_seconds: operatingHours * hour,
    down_seconds: downHours * hour,
    no_data_seconds: 0,
    failures,
    repairs: repairHours > 0 ? failures : 0,
    repair_seconds: repairHours * hour,
  };
}

function hours(seconds: number | null): number {
  return seconds === null ? Number.NaN : seconds / hour;
}

describe('published examples', () => {
  it('M1: 3600 h, 12 failures, 12 h of repair', () => {
    const estimate = estimateReliability(counts(3600, 12, 12));
    expect(hours(estimate.mtbf_operating_seconds)).toBe(300);
    expect(hours(estimate.mttr_restore_seconds)).toBe(1);
    expect(estimate.availability).toBeCloseTo(0.996678, 6);
  });
  it('M2: 2496 h, 4 failures; two repairs of 5 and 3 h', () => {
    const estimate = estimateReliability({ ...counts(2496, 4), repairs: 2, repair_seconds: 8 * hour });
    expect(hours(estimate.mtbf_operating_seconds)).toBe(624);
    expect(hours(estimate.mttr_restore_seconds)).toBe(4);
  });
  it('M3: operating time is up time, not the calendar', () => {
    const estimate = estimateReliability(counts(22, 2, 2));
    expect(hours(estimate.mtbf_operating_seconds)).toBe(11);
    expect(estimate.availability).toBeCloseTo(0.916667, 6);
  });
  it('M4: 10 000 h, 10 failures, MTTR 5 h', () => {
    const estimate = estimateReliability(counts(10_000, 10, 50));
    expect(hours(estimate.mtbf_operating_seconds)).toBe(1000);
    expect(estimate.availability).toBeCloseTo(0.995025, 6);
  });
  it('M5: MTBF 900, MTTR 100', () => {
    expect(estimateReliability(counts(900, 1, 100)).availability).toBeCloseTo(0.9, 12);
  });
  it('M6: machines are pooled by their sums', () => {
    expect(hours(estimateReliability(counts(500 + 500, 2 + 3)).mtbf_operating_seconds)).toBe(200);
  });
  it.each([
    [3600, 12, 0.9, 185.1607, 519.9147],
    [800, 2, 0.9, 127.069, 2251.2286],
    [1000, 1, 0.9, 210.7986, 19_495.7257],
    [720, 4, 0.95, 70.3016, 660.6321],
  ])('M7: %d h, %d failures, %d', (time, failures, confidence, lower, upper) => {
    const estimate = estimateReliability(counts(time, failures), confidence);
    expect(hours(estimate.mtbf_operating_lower_seconds)).toBeCloseTo(lower, 3);
    expect(hours(estimate.mtbf_operating_upper_seconds)).toBeCloseTo(upper, 3);
  });
  it('M7: without failures a lower bound, no MTBF and no upper bound', () => {
    const estimate = estimateReliability(counts(1000, 0));
    expect(hours(estimate.mtbf_operating_lower_seconds)).toBeCloseTo(333.808, 3);
    expect(estimate).toMatchObject({
      mtbf_operating_seconds: null,
      mtbf_operating_upper_seconds: null,
      mttr_restore_seconds: null,
    });
  });
});

/** `0 running, 20 planned_stop, 30 down:5, 33 running`: hour and state, after the colon the fault code; the last is open. */
function spans(text: string): StateSpan[] {
  const parts = text.split(', ').map((part) => part.split(' '));
  return parts.map(([start = '0', what = ''], index) => {
    const [state, code] = what.split(':');
    const next = parts[index + 1]?.[0];
    return {
      started_ms: Number(start) * 3600e3,
      ended_ms: next === undefined ? null : Number(next) * 3600e3,
      state: state as StateSpan['state'],
      packml_state: null,
      fault_code: code === undefined ? null : Number(code),
    };
  });
}

describe('counting from intervals', () => {
  it('M8: a week with maintenance, overlapping faults, a short one and an open one', () => {
    const week = spans(
      '0 running, 20 planned_stop, 24 running, 30 down:1, 32 down:2, 33 running, 100 down:1, 101 running, 165 down:3',
    );
    const counted = countReliability(week, 0, 168 * 3600e3, true);
    const estimate = estimateReliability(counted);
    expect(hours(counted.operating_seconds)).toBe(157);
    expect(counted.failures).toBe(3);
    expect(counted.repairs).toBe(2);
    expect(hours(estimate.mtbf_operating_seconds)).toBeCloseTo(52.3333, 4);
    expect(hours(estimate.mttr_restore_seconds)).toBe(2);
    expect(estimate.availability).toBeCloseTo(157 / 164, 12);
  });

  it('a stop without a fault code is no failure, unless the machine has no fault signal', () => {
    const day = spans('0 running, 10 down, 12 running, 24 idle');
    expect(countReliability(day, 0, 24 * 3600e3, true)).toMatchObject({
      failures: 0,
      operating_seconds: 22 * hour,
      down_seconds: 0,
    });
    expect(countReliability(day, 0, 24 * 3600e3, false)).toMatchObject({
      failures: 1,
      repairs: 1,
      repair_seconds: 2 * hour,
    });
  });

  it('a failure belongs to the window in which it started', () => {
    const day = spans('0 down:1, 12 running');
    const counted = countReliability(day, 10 * 3600e3, 24 * 3600e3, true);
    expect(counted).toMatchObject({ failures: 0, repairs: 0, down_seconds: 2 * hour, operating_seconds: 12 * hour });
  });

  it('silence within a failure does not make two of it, and is not counted as anything else', () => {
    const day = spans('0 running, 10 down:1, 11 no_data, 12 down:1, 13 running');
    const counted = countReliability(day, 0, 24 * 3600e3, true);
    expect(counted).toMatchObject({
      failures: 1,
      repairs: 1,
      repair_seconds: 2 * hour,
      no_data_seconds: hour,
      operating_seconds: 21 * hour,
    });
  });

  it('a machine of which nothing is known has no figures', () => {
    const counted = countReliability(spans('0 no_data'), 0, 24 * 3600e3, true);
    expect(estimateReliability(counted)).toEqual({
      mtbf_operating_seconds: null,
      mtbf_operating_lower_seconds: 0,
      mtbf_operating_upper_seconds: null,
      mttr_restore_seconds: null,
      availability: null,
    });
  });
});

describe('chi-square quantile', () => {
  it.each([
    [0.95, 1, 3.841_458_820_694_124],
    [0.5, 2, 1.386_294_361_119_890_6],
    [0.95, 26, 38.885_138_659_830_055],
    [0.05, 24, 13.848_425_027_170_222],
    [0.975, 10, 20.483_177_350_807_39],
    [0.025, 200, 162.727_982_500_198_1],
  ])('p %d with %d degrees is %d', (p, degrees, expected) => {
    expect(chiSquareQuantile(p, degrees) / expected).toBeCloseTo(1, 9);
  });
});
