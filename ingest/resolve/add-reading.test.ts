import { expect, test } from 'vitest';
import { createColumns } from '../../core/reading-columns.ts';
import { Quality } from '../../core/reading.ts';
import type { SourceIntake } from '../receive/receiver.ts';
import { addLost, addReading, addRejected, earliestTimeUs } from './add-reading.ts';
import type { RegisteredSignal } from './signal-registry.ts';

const signal: RegisteredSignal = {
  signal_id: 7,
  machine_id: 1,
  kind: 'measurement',
  quantity: 'temperature',
  expected_interval_seconds: 1,
};
const nowUs = 1_772_352_930_000_000;

function emptyIntake(): SourceIntake {
  return {
    source: { protocol: 'mqtt', name: 'a/b/c' },
    far_future_hours: 24,
    received: 0,
    lost_upstream: 0,
    untimed: 0,
    dropped: 0,
    live: createColumns(0),
    historical: createColumns(0),
    texts: [],
    parked: [],
    rejected: [],
  };
}

test('each reading is counted as received and ends in exactly one place', () => {
  const into = emptyIntake();
  addReading(into, 'a', signal, nowUs, 1, Quality.good, nowUs);
  addReading(into, 'a', signal, nowUs, 2, Quality.good, nowUs, { historical: true });
  addReading(into, 'a', { ...signal, kind: 'order' }, nowUs, 'PN', Quality.good, nowUs);
  addReading(into, 'a', undefined, nowUs, 3, Quality.good, nowUs);
  addReading(into, 'a', signal, nowUs, 'warm', Quality.good, nowUs);
  addRejected(into, 'a', 'malformed_payload', 'Broken.', null);
  addLost(into, 5);
  expect(into.received).toBe(6);
  expect(
    into.live.length + into.historical.length + into.texts.length + into.parked.length + into.rejected.length,
  ).toBe(6);
  expect(into.lost_upstream).toBe(5);
});

test('without a source time the receive time is used and counted', () => {
  const into = emptyIntake();
  addReading(into, 'a', signal, Number.NaN, 1, Quality.good, nowUs);
  expect(into.untimed).toBe(1);
  expect(into.live.time_us[0]).toBe(nowUs);
});

test.each([
  ['1601, a Windows clock', -11_644_473_600_000_000, 'zero_time'],
  ['1970, a Unix clock', 0, 'zero_time'],
  ['seconds taken for milliseconds', 1_772_352_930_000, 'zero_time'],
  ['1990-01-01, a Siemens date', Date.UTC(1990, 0, 1) * 1000, 'zero_time'],
  ['a day and a microsecond ahead', nowUs + 86_400_000_001, 'far_future'],
  ['microseconds taken for milliseconds', nowUs * 1000, 'far_future'],
  ['beyond the calendar', Number.POSITIVE_INFINITY, 'far_future'],
])('%s is rejected', (_, timeUs, reason) => {
  const into = emptyIntake();
  addReading(into, 'a', signal, timeUs, 1, Quality.good, nowUs, { payload: Buffer.from('x') });
  expect(into.rejected).toMatchObject([
    { reason, readings: 1, payload: Buffer.from('x'), detail: expect.stringContaining('accepted is') },
  ]);
});

test.each([earliestTimeUs, nowUs + 86_400_000_000])('%s is just accepted', (timeUs) => {
  const into = emptyIntake();
  addReading(into, 'a', signal, timeUs, 1, Quality.good, nowUs);
  expect(into.live.length).toBe(1);
});

test('a parked reading keeps number, text or the lack of both; what no signal could take is rejected at once', () => {
  const into = emptyIntake();
  for (const value of [1.5, true, 'on', 9007199254740993n])
    addReading(into, 'u', undefined, nowUs, value, Quality.good, nowUs);
  addReading(into, 'u', undefined, nowUs, null, Quality.bad, nowUs);
  expect(into.parked.map(({ value, text }) => text ?? value)).toEqual([1.5, 1, 'on', '9007199254740993', Number.NaN]);
  addReading(into, 'u', undefined, nowUs, null, Quality.good, nowUs);
  addReading(into, 'u', undefined, nowUs, 'x'.repeat(1000), Quality.good, nowUs);
  for (const address of ['u'.repeat(2000), '漢'.repeat(400), 'u\u0000'])
    addReading(into, address, undefined, nowUs, 1, Quality.good, nowUs);
  expect(into.rejected.map(({ reason }) => reason)).toEqual([
    'missing_value',
    'text_too_long',
    'wrong_topic',
    'wrong_topic',
    'wrong_topic',
  ]);
});

test('addresses and sentences can always be stored', () => {
  const into = emptyIntake();
  addRejected(into, 'a\u0000\ud800', 'malformed_payload', 'x'.repeat(5000), null);
  expect(into.rejected[0]?.address).toBe('a␀\ufffd');
  expect(into.rejected[0]?.detail.length).toBe(1024);
});
