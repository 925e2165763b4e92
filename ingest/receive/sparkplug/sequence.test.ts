import { expect, test } from 'vitest';
import { countLost, createSequence, nextLossMs, noteSequence, restartSequence } from './sequence.ts';

function started(seq: number) {
  const sequence = createSequence();
  restartSequence(sequence, seq);
  return sequence;
}

test('numbers count to 255 and begin again', () => {
  const sequence = started(250);
  for (const seq of [251, 252, 253, 254, 255, 0, 1]) expect(noteSequence(sequence, seq, 0, 2000)).toBe('in_order');
  expect(nextLossMs(sequence)).toBe(Number.POSITIVE_INFINITY);
});

test('a gap that fills within the timeout is no loss', () => {
  const sequence = started(0);
  noteSequence(sequence, 1, 0, 2000);
  expect(noteSequence(sequence, 4, 100, 2000)).toBe('early');
  expect(nextLossMs(sequence)).toBe(2100);
  expect(noteSequence(sequence, 3, 200, 2000)).toBe('late');
  expect(noteSequence(sequence, 2, 2099, 2000)).toBe('late');
  expect(nextLossMs(sequence)).toBe(Number.POSITIVE_INFINITY);
  expect(countLost(sequence, 5000)).toBe(0);
  expect(noteSequence(sequence, 5, 5000, 2000)).toBe('in_order');
});

test('a gap that stays open is counted once, over the end of the count too', () => {
  const sequence = started(253);
  expect(noteSequence(sequence, 1, 1000, 2000)).toBe('early');
  expect(countLost(sequence, 2999)).toBe(0);
  expect(countLost(sequence, 3000)).toBe(3); // 254, 255, 0
  expect(countLost(sequence, 9000)).toBe(0);
  expect(noteSequence(sequence, 2, 9000, 2000)).toBe('in_order');
});

test('each missing number has its own time', () => {
  const sequence = started(0);
  noteSequence(sequence, 2, 0, 2000); // 1 is missing
  noteSequence(sequence, 4, 1500, 2000); // 3 is missing
  expect(countLost(sequence, 2000)).toBe(1);
  expect(noteSequence(sequence, 3, 2500, 2000)).toBe('late');
  expect(countLost(sequence, 9000)).toBe(0);
});

test('a gap of more than half the circle is counted like any other', () => {
  const sequence = started(10);
  expect(noteSequence(sequence, 211, 0, 2000)).toBe('early');
  expect(noteSequence(sequence, 212, 1, 2000)).toBe('in_order');
  expect(countLost(sequence, 2000)).toBe(200);
});

test('a message that comes when it was counted already opens no gap of its own, until its number is due again', () => {
  const sequence = started(10);
  noteSequence(sequence, 12, 0, 2000); // 11 is missing
  expect(countLost(sequence, 2000)).toBe(1);
  expect(noteSequence(sequence, 11, 2500, 2000)).toBe('late');
  expect(noteSequence(sequence, 13, 2500, 2000)).toBe('in_order');
  expect(countLost(sequence, 9000)).toBe(0);

  noteSequence(sequence, 15, 9000, 2000); // 14 is missing
  expect(countLost(sequence, 11_000)).toBe(1);
  for (let seq = 16; seq <= 16 + 254; seq++) noteSequence(sequence, seq & 255, 11_000, 2000); // up to 14
  expect(noteSequence(sequence, 14, 11_000, 2000)).toBe('early');
  expect(countLost(sequence, 13_000)).toBe(255);
});

test('a number that no message may have is unexplained', () => {
  expect(noteSequence(started(10), 300, 0, 2000)).toBe('unexplained');
});

test('nothing is known before the first birth, and of messages without a number', () => {
  expect(noteSequence(createSequence(), 77, 0, 2000)).toBe('in_order');
  const sequence = started(5);
  expect(noteSequence(sequence, -1, 0, 2000)).toBe('in_order');
  expect(noteSequence(sequence, 6, 0, 2000)).toBe('in_order');
});
