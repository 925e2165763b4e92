import { expect, it } from 'vitest';
import { modeOfFaultCode } from './fault-codes.ts';

const over = { failure_mode: 'overheating', is_old: false };
const open = { failure_mode: 'overheating', is_old: true };

it.each([
  [101, [], 'bearing'],
  [201, [], 'overheating'],
  [301, [], 'tool_wear'],
  [401, [], 'electrical'],
  [977, [], 'plc_977'],
  // The failure that was diagnosed a moment ago, whatever its code.
  [977, [over], 'overheating'],
  [401, [over], 'overheating'],
  // An order that is only open: a code that says nothing joins it, one that says another failure does not.
  [977, [open], 'overheating'],
  [201, [open], 'overheating'],
  [401, [open], 'electrical'],
  [401, [{ failure_mode: 'unknown', is_old: false }], 'electrical'],
])('the code %d after %j is %s', (code, known, mode) => {
  expect(modeOfFaultCode(code, known)).toBe(mode);
});
