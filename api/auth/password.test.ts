import { expect, test } from 'vitest';
import { hashPassword, verifyPassword } from './password.ts';

// The cost stands in the hash, so that tests of anything but the cost itself can be cheap.
const cheap = { N: 16, r: 1, p: 1 };

test('a password is known again, another is not, and the same password gives another hash each time', async () => {
  const hash = await hashPassword('correct horse', cheap);
  expect(await verifyPassword('correct horse', hash)).toBe(true);
  expect(await verifyPassword('correct horsf', hash)).toBe(false);
  expect(await hashPassword('correct horse', cheap)).not.toBe(hash);
});

test('a new hash has the present cost', async () => {
  expect(await hashPassword('correct horse')).toMatch(/^scrypt\$32768\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
});

test('composed and decomposed letters are the same password', async () => {
  const hash = await hashPassword('m\u00fcller-am-band', cheap);
  expect(await verifyPassword('mu\u0308ller-am-band', hash)).toBe(true);
});

test('a foreign or broken hash lets nobody in', async () => {
  expect(await verifyPassword('x', '$2b$10$abcdefghijklmnopqrstuv')).toBe(false);
  expect(await verifyPassword('', '')).toBe(false);
});
