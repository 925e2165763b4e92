import { describe, expect, test } from 'vitest';
import { Quality, type SignalKind } from '../../core/reading.ts';
import { packmlState } from './packml-states.ts';
import { readSignalValue, show, type WireValue } from './signal-value.ts';

test.each<[SignalKind, WireValue, number | string]>([
  ['measurement', 21.5, 21.5],
  ['measurement', true, 1],
  ['measurement', false, 0],
  ['measurement', ' -1.5e3 ', -1500],
  ['measurement', '9007199254740992', 9007199254740992],
  ['measurement', 2n ** 60n, 2 ** 60],
  ['counter', 1781, 1781],
  ['fault', '0', 0],
  ['state', 6, 6],
  ['state', 'Execute', 6],
  ['state', 'UN-HOLDING', 12],
  ['state', ' 17', 17],
  ['order', 'PN-4711', 'PN-4711'],
  ['order', 4711, '4711'],
  ['order', 9007199254740993n, '9007199254740993'],
])('%s %s is stored as %s', (kind, value, stored) => {
  expect(readSignalValue(kind, value, Quality.good)).toBe(stored);
});

test.each<[SignalKind, WireValue, string]>([
  ['measurement', 'warm', 'not_a_number'],
  ['measurement', '', 'not_a_number'],
  ['measurement', '0x10', 'not_a_number'],
  ['measurement', 'Infinity', 'not_a_number'],
  ['state', true, 'unknown_state'],
  ['state', false, 'unknown_state'],
  ['measurement', Number.NaN, 'not_a_number'],
  ['measurement', Number.POSITIVE_INFINITY, 'out_of_range'],
  ['measurement', '1e999', 'out_of_range'],
  ['measurement', null, 'missing_value'],
  ['counter', 9007199254740993n, 'inexact_number'],
  ['counter', '9007199254740993', 'inexact_number'],
  ['state', 18, 'unknown_state'],
  ['state', 6.5, 'unknown_state'],
  ['state', -1, 'unknown_state'],
  ['state', 'Dancing', 'unknown_state'],
  ['order', 'x'.repeat(257), 'text_too_long'],
  ['order', 'a\u0000b', 'malformed_payload'],
  ['order', '\ud800', 'malformed_payload'],
])('%s %s is rejected as %s, with a sentence that says what is accepted', (kind, value, reason) => {
  const result = readSignalValue(kind, value, Quality.good);
  expect(result).toMatchObject({ reason, detail: expect.stringMatching(/accepted (is|are|for)/) });
});

describe('without a value', () => {
  test.each([Quality.bad, Quality.stale])('quality %s is stored', (quality) => {
    expect(readSignalValue('measurement', null, quality)).toBeNaN();
    expect(readSignalValue('order', Number.NaN, quality)).toBeNaN();
  });
});

test('all eighteen PackML names have their numbers', () => {
  const names = [
    'Undefined',
    'Clearing',
    'Stopped',
    'Starting',
    'Idle',
    'Suspended',
    'Execute',
    'Stopping',
    'Aborting',
    'Aborted',
    'Holding',
    'Held',
    'UnHolding',
    'Suspending',
    'UnSuspending',
    'Resetting',
    'Completing',
    'Complete',
  ];
  expect(names.map(packmlState)).toEqual(names.map((_, number) => number));
});

test('values are shown on one short line without characters that a database refuses', () => {
  expect(show('x'.repeat(1e6)).length).toBeLessThan(100);
  expect(show('a\u0000b\ud800')).toBe('"a␀b\\ud800"');
});
