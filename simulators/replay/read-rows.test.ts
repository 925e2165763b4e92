import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SettingsError } from '../../core/settings.ts';
import { createRowWriter, type ReplayForm } from './messages.ts';
import { readForm, readRows, type BadCell, type Row } from './read-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function read(path: string, options: { zone?: string; columns?: string[]; timeColumn?: string } = {}) {
  const form = readForm(path, { zone: 'UTC', ...options });
  const bad: BadCell[] = [];
  const rows: Row[] = [];
  const all = { zone: 'UTC', ...options, shiftSeconds: 0, onBad: (cell: BadCell) => void bad.push(cell) };
  for await (const row of readRows(path, form, all)) rows.push(row);
  return { form, bad, rows };
}

describe('rows of a recorded file', () => {
  it('finds out the delimiter and the time column, and keeps every digit', async () => {
    const { form, rows, bad } = await read(
      file(
        'skab.csv',
        '\uFEFFdatetime;Pump A;Level\r\n2020-03-09 10:14:33;0.0265870;32.0\r\n2020-03-09 10:14:34;;1,50\r\n',
      ),
    );
    expect(form).toMatchObject({ delimiter: ';', timeColumn: 0, signals: [undefined, 'pump_a', 'level'] });
    expect(bad).toEqual([]);
    expect(rows.map(({ time, values }) => ({ time: time.text, values }))).toEqual([
      {
        time: '2020-03-09T10:14:33Z',
        values: [
          ['pump_a', '0.0265870'],
          ['level', '32.0'],
        ],
      },
      { time: '2020-03-09T10:14:34Z', values: [['level', '1.50']] },
    ]);
  });

  it('names what it cannot send by line, column and value, and sends the rest', async () => {
    const { rows, bad } = await read(
      file('bad.csv', 't,a,b\n2020-03-09 10:00,1,hot\nlater,2,3\n2020-03-09 10:02,4,5,6\n'),
      { timeColumn: 't' },
    );
    expect(rows.map(({ values }) => values)).toEqual([
      [['a', '1']],
      [
        ['a', '4'],
        ['b', '5'],
      ],
    ]);
    expect(bad.map(({ line, column, value }) => [line, column, value])).toEqual([
      [2, 'b', 'hot'],
      [3, 't', 'later'],
      [4, 'column 4', '6'],
    ]);
  });

  it('a quoted name may hold the delimiter, and every value stays under its own column', async () => {
    const { form, rows } = await read(file('quoted.csv', 't,"flow, l/min",b\n1793493000.5,1.10,true\n'));
    expect(form.signals).toEqual([undefined, 'flow,_l_min', 'b']);
    expect(rows[0]?.values).toEqual([
      ['flow,_l_min', '1.10'],
      ['b', 'true'],
    ]);
  });

  it('finds a column of times by its content, and says what a file misses', async () => {
    const { form } = await read(file('odd.csv', 'value\twhen\n5\t2020-03-09 10:00\n'));
    expect(form).toMatchObject({ delimiter: '\t', timeColumn: 1, signals: ['value', undefined] });
    const zone = 'UTC';
    expect(() => readForm(file('none.csv', 'a,b\n1,2\n'), { zone })).toThrow(
      /no column of times; its columns are a, b/,
    );
    expect(() => readForm(file('pipes.csv', 'time|a\n1|2\n'), { zone, delimiter: '||' })).toThrow(
      /its columns are time\|a\. .* "\|\|" separates nothing there; say with --delimiter what does/,
    );
    expect(() => readForm(file('pipes.csv', 'time|a\n1|2\n'), { zone, delimiter: '' })).toThrow(/--delimiter is ""/);
    expect(() => readForm(file('twice.csv', 'ts,A b,a_b\n'), { zone })).toThrow(/two columns .* "a_b"/);
    expect(() => readForm(file('cols.csv', 'ts,a\n'), { zone, columns: ['c'] })).toThrow(SettingsError);
  });
});

describe('messages of rows', () => {
  const rows: Row[] = [1, 2, 3].map((second) => ({
    time: { text: `2020-03-09T10:14:0${second}Z`, ms: second * 1000 },
    values: [
      ['a', '1.50'],
      ['b', 'true'],
    ],
    bytes: 0,
  }));
  const messages = (form: ReplayForm): string[] => {
    const writer = createRowWriter('e/s/l/m', form);
    return [...rows.flatMap(writer.write), ...writer.flush()].map(
      ({ topic, payload, readings }) => `${topic} ${readings} ${payload.toString()}`,
    );
  };

  it('carry a reading, a row, or several rows', () => {
    expect(messages('single')).toHaveLength(6);
    expect(messages('single')[0]).toBe('e/s/l/m/a 1 {"ts":"2020-03-09T10:14:01Z","value":1.50}');
    expect(messages('row')[1]).toBe('e/s/l/m 2 {"ts":"2020-03-09T10:14:02Z","values":{"a":1.50,"b":true}}');
    expect(messages(2).map((message) => message.slice(0, 10))).toEqual(['e/s/l/m 4 ', 'e/s/l/m 2 ']);
    expect(JSON.parse(messages(2)[0]?.slice(10) ?? '')).toHaveLength(2);
  });
});
