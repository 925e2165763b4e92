import { expect, test } from 'vitest';
import { readTopic } from './topic.ts';

test('a signal and a machine', () => {
  expect(readTopic('millrace/berlin/line-01/m-001/temperature', 'millrace')).toEqual({
    kind: 'signal',
    source: 'millrace/berlin/line-01',
    address: 'millrace/berlin/line-01/m-001/temperature',
  });
  expect(readTopic('millrace/berlin/line-01/m-001', 'millrace')).toMatchObject({
    kind: 'machine',
    source: 'millrace/berlin/line-01',
  });
});

test.each([
  'millrace',
  'millrace/berlin/line-01',
  'millrace/berlin/line-01/m-001/temperature/celsius',
  'millrace/berlin//m-001/temperature',
  'millrace/berlin/line-01/m-001/',
  '/millrace/berlin/line-01/m-001',
  'other/berlin/line-01/m-001/temperature',
  `millrace/berlin/line-01/m-001/${'x'.repeat(2000)}`,
  '/'.repeat(65_000),
  `millrace/berlin/line-01/m-001/${'漢'.repeat(400)}`,
  `millrace/berlin/${'漢'.repeat(200)}/m-001/t`,
  'millrace/berlin/line\u0000/m-001/t',
  'millrace/berlin/line-01/m-001/t\u0000',
  '',
])('"%.60s" is wrong, and the sentence says what is accepted', (topic) => {
  const read = readTopic(topic, 'millrace');
  expect(read).toMatchObject({ kind: 'wrong', source: 'millrace' });
  expect(read.kind === 'wrong' && read.detail).toContain('accepted is millrace/<site>/<line>/<machine>/<signal>');
});
