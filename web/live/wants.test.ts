import { expect, test } from 'vitest';
import { valuesUrl, type Want } from './wants.ts';

const machine = (id: number): Want => ({ values: 'machine', id });
const none: Want = { values: 'none' };

test('the values stream is as narrow as what the tabs show together', () => {
  expect(valuesUrl([])).toBeNull();
  expect(valuesUrl([none, none])).toBeNull();
  expect(valuesUrl([none, machine(7), machine(7)])).toBe('/api/v1/stream?topics=values&machine=7');
  expect(valuesUrl([machine(7), machine(8)])).toBe('/api/v1/stream?topics=values');
});
