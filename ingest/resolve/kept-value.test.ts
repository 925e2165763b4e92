import { expect, test } from 'vitest';
import { keepValue, readKeptValue } from './kept-value.ts';

test.each([true, false, null, '', 'warm "ü" \ud800', '12', 9007199254740993n, -1n])(
  '%s comes back as it was',
  (value) => {
    const bytes = keepValue(value);
    expect(bytes === null ? undefined : readKeptValue(bytes)).toBe(value);
  },
);

test('no value is null, a number has its column, and a long text is no value', () => {
  expect(keepValue(Number.NaN)?.toString()).toBe('null');
  expect(keepValue(1.5)).toBeNull();
  expect(keepValue('x'.repeat(2000))).toBeNull();
});

test.each(['', '{"value": 1}', '["on"]', '"on', 'nullify', '12 apples', '1.5', '\u0008\u0012'])(
  'the message %j is no kept value',
  (text) => expect(readKeptValue(Buffer.from(text))).toBeUndefined(),
);
