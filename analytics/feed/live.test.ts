import { expect, it } from 'vitest';
import { appendReading, createColumns } from '../../core/reading-columns.ts';
import { buildPlant } from '../plant.ts';
import { createLive, restoreLive, snapshotLive } from './live.ts';
import { processBatch } from './process-batch.ts';

const startUs = Date.parse('2026-03-02T10:00:00Z') * 1000;
const state = { signal_id: 1, kind: 'state', quantity: 'state' };
const temperature = { signal_id: 2, kind: 'measurement', quantity: 'temperature' };
const vibration = { signal_id: 3, kind: 'measurement', quantity: 'vibration' };

function plantOf(...signals: (typeof state)[]) {
  return buildPlant(
    [{ machine_id: 1, organization_id: 1, site_id: 1, name: 'm-001', criticality: 'B' }],
    signals.map((signal) => ({
      ...signal,
      organization_id: 1,
      machine_id: 1,
      name: signal.quantity,
      unit: '',
      expected_interval_seconds: 1,
      range_low: 0,
      range_high: 100,
      limit_low_low: null,
      limit_low: null,
      limit_high: null,
      limit_high_high: null,
      deadband: 0,
      on_delay_seconds: 0,
      off_delay_seconds: 0,
      counter_rollover: null,
    })),
  );
}

it('a sensor that is taken away while it is unusual holds up the alarm of its machine no longer', () => {
  const before = plantOf(state, temperature, vibration);
  const old = createLive(before);
  old.detector.memory.phase[before.slot_of[vibration.signal_id] ?? 0] = 2;
  const [machine] = old.machines;
  if (machine === undefined) throw new Error('no machine');
  machine.open_sensors = 1;
  machine.fusion = { phase: 'alarming', since_us: startUs, peak_score: 0.95, raised_us: startUs };

  const live = restoreLive(plantOf(state, temperature), snapshotLive(old));
  const columns = createColumns(1000);
  appendReading(columns, startUs, state.signal_id, 6, 192);
  for (let second = 1; second <= 480; second++) {
    appendReading(columns, startUs + second * 1e6, temperature.signal_id, 50, 192);
  }
  processBatch(live, columns, columns.length, startUs / 1000 + 480_000);
  expect(live.outcome.alarms).toMatchObject([{ kind: 'anomaly', raised: false }]);
});
