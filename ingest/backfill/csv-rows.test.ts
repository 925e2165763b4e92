import { expect, test } from 'vitest';
import { createFields, fieldText, guessDelimiter, scanRows } from './csv-rows.ts';

/** All rows as texts with their line numbers, read in blocks of `blockBytes`. */
function readAll(text: string, blockBytes = 1_000_000, delimiter = ','): { line: number; row: string[] }[] {
  const bytes = Buffer.from(text);
  const rows: { line: number; row: string[] }[] = [];
  let offset = 0;
  let line = 1;
  let size = blockBytes;
  while (offset < bytes.length) {
    const block = bytes.subarray(offset, offset + size);
    const atEnd = offset + block.length >= bytes.length;
    const scan = scanRows(
      block,
      0,
      block.length,
      delimiter.charCodeAt(0),
      line,
      atEnd,
      createFields(2),
      (fields, rowLine) => {
        rows.push({
          line: rowLine,
          row: Array.from({ length: fields.count }, (_, index) => fieldText(block, fields, index)),
        });
      },
    );
    if (scan.consumed === 0) size *= 2;
    offset += scan.consumed;
    line = scan.line;
  }
  return rows;
}

const text = 'a,b,c\r\n1,,3\n"x, y","he said ""no""","two\nlines"\n\nlast,,';
const expected = [
  { line: 1, row: ['a', 'b', 'c'] },
  { line: 2, row: ['1', '', '3'] },
  { line: 3, row: ['x, y', 'he said "no"', 'two\nlines'] },
  { line: 6, row: ['last', '', ''] },
];

test('quotes, doubled quotes, line breaks within quotes, CRLF, blank lines, a last row without a line break', () => {
  expect(readAll(text)).toEqual(expected);
});

test('the same rows whatever the blocks the file is read in', () => {
  for (let size = 1; size <= Buffer.byteLength(text); size++) expect(readAll(text, size)).toEqual(expected);
});

test('the delimiter is guessed from the header, quoted ones not counted', () => {
  expect(guessDelimiter('datetime;"a,b,c,d";x')).toBe(';');
  expect(guessDelimiter('time\tvalue')).toBe('\t');
  expect(guessDelimiter('only')).toBe(',');
});
