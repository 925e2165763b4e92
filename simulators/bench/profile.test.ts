import { expect, test } from 'vitest';
import { partOf, summarise } from './profile.ts';

const node = (
  id: number,
  functionName: string,
  url: string,
): { id: number; callFrame: { functionName: string; url: string; lineNumber: number } } => ({
  id,
  callFrame: { functionName, url, lineNumber: 8 },
});

test('own time is shared out without idle time and without the start', () => {
  const project = new URL('../../', import.meta.url).href;
  const profile = {
    nodes: [
      node(1, '(idle)', ''),
      node(2, 'load', `${project}ingest/main.ts`),
      node(3, 'encode', `${project}ingest/store/copy-encoder.ts`),
      node(4, 'parse', `${project}node_modules/pg-protocol/dist/parser.js`),
    ],
    samples: [2, 1, 3, 4],
    timeDeltas: [2e6, 2e6, 3e6, 1e6],
  };
  expect(summarise([profile], 5)).toEqual([
    { name: 'encode', where: 'ingest/store/copy-encoder.ts:9', percent: 75 },
    { name: 'parse', where: 'pg-protocol/dist/parser.js:9', percent: 25 },
  ]);
});

test('functions belong to a folder of the project, to a package, or to Node', () => {
  expect(partOf('encode', 'ingest/store/copy-encoder.ts:9')).toBe('ingest/store');
  expect(partOf('decode', 'ingest/receive/opcua/data-value.ts:9')).toBe('ingest/receive/opcua');
  expect(partOf('parse', 'pg-protocol/dist/parser.js:9')).toBe('package pg-protocol');
  expect(partOf('(garbage collector)', '')).toBe('(garbage collector)');
  expect(partOf('writev', '')).toBe('Node (native)');
  expect(partOf('load', 'node:internal/modules/cjs/loader:1')).toBe('Node');
});
