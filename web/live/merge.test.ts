import { expect, test } from 'vitest';
import type { LiveOee, LiveOeeRow } from '../../api/schemas/oee.ts';
import type { SnapshotEvent } from '../../api/schemas/stream.ts';
import { mergeEvent, mergeValues } from './merge.ts';

const snapshot: SnapshotEvent = {
  server_time_ms: 1000,
  known_age_ms: 100,
  values: { signal_id: [1, 2], value: [10, 20], time_ms: [1, 2], quality: [192, 192] },
  states: { machine_id: [1], state: ['running'], since_ms: [5], fault_code: [null] },
};

test('newer values replace older ones of the same signal, and new signals join', () => {
  const merged = mergeValues(snapshot.values, {
    signal_id: [2, 3],
    value: [null, 30],
    time_ms: [9, 9],
    quality: [0, 192],
  });
  expect(merged).toEqual({ signal_id: [1, 2, 3], value: [10, null, 30], time_ms: [1, 9, 9], quality: [192, 0, 192] });
  expect(snapshot.values?.value).toEqual([10, 20]);
});

test('a newcomer gets the present states, not those of the first snapshot', () => {
  const down = { machine_id: [1, 2], state: ['down', 'idle'] as const, since_ms: [7, 8], fault_code: [17, null] };
  const merged = mergeEvent(snapshot, 'states', { ...down, state: [...down.state] });
  expect(merged.states).toEqual({
    machine_id: [1, 2],
    state: ['down', 'idle'],
    since_ms: [7, 8],
    fault_code: [17, null],
  });
});

test('the figures of an ended shift do not stay beside those of the next', () => {
  const row = (id: number, computed_to: string) => ({ id, computed_to }) as unknown as LiveOeeRow;
  const oee = (lines: LiveOeeRow[]): LiveOee => ({ server_time: 'x', shifts: [], sites: [], lines, machines: [] });
  const merged = mergeEvent({ ...snapshot, oee: oee([row(1, 'a'), row(2, 'a')]) }, 'oee', oee([row(2, 'b')]));
  expect(merged.oee?.lines).toEqual([row(2, 'b')]);
});

test('a snapshot replaces everything, a heartbeat only the times', () => {
  const newer: SnapshotEvent = { server_time_ms: 5, known_age_ms: null };
  expect(mergeEvent(snapshot, 'snapshot', newer)).toEqual(newer);
  expect(mergeEvent(snapshot, 'heartbeat', { server_time_ms: 7, feed_age_ms: null, known_age_ms: 6 })).toEqual({
    ...snapshot,
    server_time_ms: 7,
    known_age_ms: 6,
  });
});
