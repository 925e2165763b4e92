import { expect, test } from 'vitest';
import { encodeState, formatTopic, parseState, parseTopic, stateTopic } from './topic.ts';

test('a topic is read into its parts and written back', () => {
  const node = { group: 'millrace-berlin', verb: 'NDATA', edge: 'line-01', device: '' } as const;
  const device = { group: 'millrace-berlin', verb: 'DBIRTH', edge: 'line-01', device: 'm-001' } as const;
  expect(parseTopic('spBv1.0/millrace-berlin/NDATA/line-01')).toEqual(node);
  expect(parseTopic('spBv1.0/millrace-berlin/DBIRTH/line-01/m-001')).toEqual(device);
  expect(formatTopic(node)).toBe('spBv1.0/millrace-berlin/NDATA/line-01');
  expect(formatTopic(device)).toBe('spBv1.0/millrace-berlin/DBIRTH/line-01/m-001');
});

test.each([
  'spBv1.0/STATE/host',
  'spAv1.0/g/NDATA/e',
  'spBv1.0/g/NDATA/e/device',
  'spBv1.0/g/DDATA/e',
  'spBv1.0/g/DDATA/e/',
  'spBv1.0//NDATA/e',
  'spBv1.0/g/XDATA/e',
  'spBv1.0/g/DDATA/e/d/more',
  '',
])('%s is no message of an edge node', (topic) => {
  expect(parseTopic(topic)).toBeUndefined();
});

test('STATE messages', () => {
  expect(stateTopic('millrace')).toBe('spBv1.0/STATE/millrace');
  expect(parseState(encodeState(true, 1_700_000_000_000))).toEqual({ online: true, timestamp: 1_700_000_000_000 });
  for (const text of ['OFFLINE', 'null', '[]', '{"online":"yes","timestamp":1}', '{"online":true}']) {
    expect(parseState(text)).toBeUndefined();
  }
});
