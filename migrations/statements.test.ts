import { expect, test } from 'vitest';
import { splitStatements } from './statements.ts';

test('semicolons in comments, texts, names and bodies do not end a statement', () => {
  const sql = [
    '-- a comment; with a semicolon',
    "select 'a;b', 'it''s; fine', \"odd;name\";",
    '/* another;',
    '   one */ create function f() returns int language sql as $$ select 1; $$;',
    'do $body$ begin perform 1; end $body$',
  ].join('\n');
  expect(splitStatements(sql)).toEqual([
    { text: "select 'a;b', 'it''s; fine', \"odd;name\"", line: 2 },
    { text: 'create function f() returns int language sql as $$ select 1; $$', line: 4 },
    { text: 'do $body$ begin perform 1; end $body$', line: 5 },
  ]);
});

test('a text without statements has none', () => {
  expect(splitStatements('-- nothing\n;;\n')).toEqual([]);
});
