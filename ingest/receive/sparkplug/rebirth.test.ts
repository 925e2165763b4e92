import { expect, test } from 'vitest';
import { createRebirth, noteBirth, noteRequest, rebirthDueMs, wantRebirth } from './rebirth.ts';

test('the first request goes at once, the next ones ever later, and a quiet time begins anew', () => {
  const rebirth = createRebirth();
  expect(rebirthDueMs(rebirth)).toBe(Number.POSITIVE_INFINITY);
  const times: number[] = [];
  let nowMs = 0;
  for (let request = 0; request < 9; request++) {
    wantRebirth(rebirth, 'an unknown metric');
    nowMs = Math.max(nowMs, rebirthDueMs(rebirth));
    noteRequest(rebirth, nowMs, 5000);
    times.push(nowMs / 1000);
  }
  expect(times).toEqual([0, 5, 15, 35, 75, 155, 315, 615, 915]);
  noteBirth(rebirth);
  nowMs += 300_000 * 10 + 1;
  wantRebirth(rebirth, 'an unknown metric');
  noteRequest(rebirth, nowMs, 5000);
  wantRebirth(rebirth, 'an unknown metric');
  expect(rebirthDueMs(rebirth)).toBe(nowMs + 5000);
});

test('a birth takes the wish back, but not the memory of having asked', () => {
  const rebirth = createRebirth();
  wantRebirth(rebirth, 'lost messages');
  noteRequest(rebirth, 1000, 5000);
  noteBirth(rebirth);
  wantRebirth(rebirth, 'lost messages');
  expect(rebirthDueMs(rebirth)).toBe(6000);
  noteBirth(rebirth);
  expect(rebirthDueMs(rebirth)).toBe(Number.POSITIVE_INFINITY);
});

test('a node that was away is asked at once when it is back and something is missing', () => {
  const rebirth = createRebirth();
  let nowMs = 0;
  wantRebirth(rebirth, 'this host was not listening');
  for (let request = 0; request < 6; request++) {
    nowMs = Math.max(nowMs, rebirthDueMs(rebirth));
    noteRequest(rebirth, nowMs, 5000);
  }
  expect(nowMs).toBe(155_000);
  // It comes by itself, and its births lack a metric: the wait that it was not there for says nothing about it.
  noteBirth(rebirth);
  wantRebirth(rebirth, 'an unknown alias');
  expect(rebirthDueMs(rebirth)).toBe(160_000);
});

test('a node whose births do not help is asked ever more rarely', () => {
  const rebirth = createRebirth();
  const times: number[] = [];
  for (let nowMs = 0, request = 0; request < 5; request++) {
    wantRebirth(rebirth, 'an unknown alias');
    nowMs = Math.max(nowMs, rebirthDueMs(rebirth));
    noteRequest(rebirth, nowMs, 5000);
    noteBirth(rebirth);
    times.push(nowMs / 1000);
  }
  expect(times).toEqual([0, 5, 15, 35, 75]);
});

test('a pressing need overtakes one that was put off', () => {
  const rebirth = createRebirth();
  wantRebirth(rebirth, 'this host was not listening', 2000);
  expect(rebirthDueMs(rebirth)).toBe(2000);
  wantRebirth(rebirth, 'data before the birth of the node');
  expect(rebirthDueMs(rebirth)).toBe(0);
});
