import { describe, expect, it } from 'vitest';
import { buildPlant } from '../plant.ts';
import { type AnomalyChange, observeSample, scoreOf } from './detector.ts';
import { createDetector, type Detector } from './detector-memory.ts';

const second = 1e6;

function createOne(): Detector {
  const row = {
    signal_id: 1,
    organization_id: 1,
    machine_id: 1,
    name: 'vibration',
    kind: 'measurement',
    quantity: 'vibration',
    unit: '',
  };
  const none = {
    limit_low_low: null,
    limit_low: null,
    limit_high: null,
    limit_high_high: null,
    counter_rollover: null,
  };
  return createDetector(
    buildPlant(
      [{ machine_id: 1, organization_id: 1, site_id: 1, name: 'm-001', criticality: 'B' }],
      [
        {
          ...row,
          ...none,
          expected_interval_seconds: 1,
          range_low: 0,
          range_high: 50,
          deadband: 0,
          on_delay_seconds: 0,
          off_delay_seconds: 0,
        },
      ],
    ),
  );
}

/** Feeds `seconds` samples of `level` ± noise, drifting by `slope` a second; answers what it said. */
function createSensor() {
  const detector = createOne();
  const said: AnomalyChange[] = [];
  let state = 99;
  let at = 0;
  return {
    detector,
    said,
    run(seconds: number, level: number, options: { noise?: number; slope?: number; product?: number } = {}) {
      const { noise = 1, slope = 0, product = 1 } = options;
      for (let step = 0; step < seconds; step++) {
        // The sum of three uniform numbers is near enough to a bell.
        let sum = -1.5;
        for (let part = 0; part < 3; part++) sum += (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
        at++;
        observeSample(detector, 0, at * second, level + slope * step + noise * sum, product, (change) =>
          said.push(change),
        );
      }
    },
    score: () => scoreOf(detector.memory.deviation[0] ?? Number.NaN),
  };
}

describe('the sensor score', () => {
  it('is unknown while it learns, and low afterwards', () => {
    const sensor = createSensor();
    sensor.run(1799, 20);
    expect(sensor.score()).toBeNaN();
    sensor.run(2, 20);
    expect(sensor.score()).toBeLessThan(0.3);
  });

  it('says nothing for a day of the same noise', () => {
    const sensor = createSensor();
    sensor.run(86_400, 20);
    expect(sensor.said).toEqual([]);
  });

  it('opens on a step and closes when it is over', () => {
    const sensor = createSensor();
    sensor.run(2400, 20);
    sensor.run(300, 26);
    expect(sensor.said).toHaveLength(1);
    expect(sensor.said[0]).toMatchObject({ opened: true });
    expect(sensor.said[0]?.expected_value).toBeCloseTo(20, 0);
    sensor.run(300, 20);
    expect(sensor.said).toHaveLength(2);
    expect(sensor.said[1]).toMatchObject({ opened: false });
    expect(sensor.said[1]?.peak_score).toBeGreaterThan(0.7);
  });

  it('finds a drift over hours, downwards too', () => {
    for (const slope of [0.0015, -0.0015]) {
      const sensor = createSensor();
      sensor.run(3 * 3600, 20);
      sensor.run(3 * 3600, 20, { slope });
      expect(sensor.said[0]).toMatchObject({ opened: true });
      expect(Math.sign(sensor.detector.memory.deviation[0] ?? 0)).toBe(Math.sign(slope));
    }
  });

  it('does not take warming up for normal', () => {
    const sensor = createSensor();
    // From 20 to 45 degrees with a time constant of a quarter of an hour.
    for (let minute = 0; minute < 90; minute++) sensor.run(60, 45 - 25 * Math.exp(-minute / 15), { noise: 0.3 });
    sensor.run(3600, 45, { noise: 0.3 });
    expect(sensor.said).toEqual([]);
    expect(sensor.detector.memory.baseline[0]).toBeCloseTo(45, 0);
  });

  it('ignores a single wild value', () => {
    const sensor = createSensor();
    sensor.run(2400, 20);
    // A pressure in kPa instead of bar.
    sensor.run(1, 20_000);
    sensor.run(200, 20);
    expect(sensor.said).toEqual([]);
  });

  it('learns each product and knows it when it comes back', () => {
    const sensor = createSensor();
    sensor.run(2400, 20, { product: 1 });
    sensor.run(2400, 30, { product: 2 });
    sensor.run(200, 20, { product: 1 });
    sensor.run(200, 30, { product: 2 });
    expect(sensor.said).toEqual([]);
    expect(sensor.score()).toBeLessThan(0.3);
    sensor.run(200, 40, { product: 2 });
    expect(sensor.said).toHaveLength(1);
  });

  it('does not call the last digit of a still sensor an anomaly', () => {
    const sensor = createSensor();
    sensor.run(2400, 20, { noise: 0 });
    sensor.run(2400, 20.05, { noise: 0 });
    expect(sensor.said).toEqual([]);
  });
});
