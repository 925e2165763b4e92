import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, test } from 'vitest';

// What a wall screen or a phone on bad WiFi loads, in bytes after gzip. The limits are 2026's budgets, not its state:
// the overview has 35 KB, the charts 30 KB beside it, all styles 12 KB, and everything together 120 KB.
const kilobyte = 1000;
let chunks: Rolldown.OutputChunk[];
let styles: Rolldown.OutputAsset[];

beforeAll(async () => {
  const output = (await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    logLevel: 'error',
    build: { write: false },
  })) as Rolldown.RolldownOutput;
  chunks = output.output.filter((part) => part.type === 'chunk');
  styles = output.output.filter((part) => part.type === 'asset').filter((asset) => asset.fileName.endsWith('.css'));
});

function zipped(source: string | Uint8Array): number {
  return gzipSync(source, { level: 9 }).length;
}

/** A chunk with all that it imports at once; what it imports later is not counted. */
function withImports(chunk: Rolldown.OutputChunk, found = new Set<Rolldown.OutputChunk>()): Set<Rolldown.OutputChunk> {
  if (found.has(chunk)) return found;
  found.add(chunk);
  for (const name of chunk.imports) {
    const next = chunks.find((other) => other.fileName === name);
    if (next !== undefined) withImports(next, found);
  }
  return found;
}

function sizeOf(parts: Iterable<Rolldown.OutputChunk>): number {
  return [...parts].reduce((sum, part) => sum + zipped(part.code), 0);
}

test('the overview loads at most 35 KB of code, and nothing of the charts', () => {
  const entry = chunks.find((chunk) => chunk.isEntry);
  if (entry === undefined) throw new Error('The build has no entry.');
  const first = withImports(entry);
  expect(sizeOf(first)).toBeLessThanOrEqual(35 * kilobyte);
  const modules = [...first].flatMap((chunk) => chunk.moduleIds);
  expect(modules.filter((id) => id.includes('uplot'))).toEqual([]);
});

test('the charts add at most 30 KB', () => {
  const chart = chunks.find((chunk) => chunk.moduleIds.some((id) => id.includes('uplot')));
  if (chart === undefined) throw new Error('No chunk holds uPlot.');
  expect(zipped(chart.code)).toBeLessThanOrEqual(30 * kilobyte);
});

test('all pages together stay under 120 KB of code and 12 KB of styles', () => {
  expect(sizeOf(chunks)).toBeLessThanOrEqual(120 * kilobyte);
  expect(styles.reduce((sum, style) => sum + zipped(style.source), 0)).toBeLessThanOrEqual(12 * kilobyte);
});
