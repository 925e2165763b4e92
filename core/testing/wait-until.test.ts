import { expect, test } from 'vitest';
import { waitUntil } from './wait-until.ts';

test('answers what the condition answers once it holds', async () => {
  let asked = 0;
  expect(await waitUntil('asked three times', () => (++asked < 3 ? undefined : asked), { everyMs: 1 })).toBe(3);
  expect(await waitUntil('zero is an answer', () => 0)).toBe(0);
});

test('fails at the limit with what it waited for and the last error', async () => {
  const never = waitUntil('the sun rises', () => false, { limitMs: 5, everyMs: 1 });
  await expect(never).rejects.toThrow(/Waited 5 ms in vain until the sun rises; the last answer was false/);
  const failing = waitUntil('it works', () => Promise.reject(new Error('no luck')), { limitMs: 5, everyMs: 1 });
  await expect(failing).rejects.toThrow(/it last failed with: Error: no luck/);
});
