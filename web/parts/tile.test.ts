import { expect, test } from 'vitest';
import { shortTitle } from './tile.tsx';

test.each([
  ['Coolant pump 1', 'Pump', '1'],
  ['Conveyor 12', 'Convey.', '12'],
  ['Compressor 1', 'Compr.', '1'],
  ['CNC mill 2', 'Mill', '2'],
  ['Press', 'Press', ''],
  ['Drying oven B2', 'Oven', 'B2'],
  ['M-003', 'M-003', ''],
  ['4711', '4711', ''],
])('the short name of %s', (title, stem, number) => {
  expect(shortTitle(title, false)).toEqual({ stem, number });
});

test('where there is room the whole name is kept', () => {
  expect(shortTitle('Coolant pump 1', true)).toEqual({ stem: 'Coolant pump', number: '1' });
});
