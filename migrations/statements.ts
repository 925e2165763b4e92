/** One statement of an SQL text, and the line of the text on which it starts (1 is the first). */
export interface Statement {
  text: string;
  line: number;
}

/**
 * Cuts an SQL text at its semicolons, for files whose statements cannot share a transaction. Knows comments, quoted
 * names and texts, and dollar-quoted bodies; that is all of SQL's grammar that can hide a semicolon, except the
 * `begin atomic` bodies of SQL functions, which such files must not use.
 */
export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  // Each alternative skips over one thing that may hide a semicolon; the last takes any one character.
  const token =
    /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_][A-Za-z_0-9]*)?\$[\s\S]*?\$\1\$|[\s\S]/g;
  let start = 0;
  let begun = -1;
  function finish(end: number): void {
    if (begun >= 0) statements.push({ text: sql.slice(begun, end).trim(), line: lineAt(sql, begun) });
    start = end;
    begun = -1;
  }
  for (const match of sql.matchAll(token)) {
    const text = match[0];
    const isComment = text.startsWith('--') || text.startsWith('/*');
    if (text === ';') {
      finish(match.index);
      start = match.index + 1;
    } else if (begun < 0 && !isComment && text.trim() !== '' && match.index >= start) {
      begun = match.index;
    }
  }
  finish(sql.length);
  return statements;
}

/** The line (1 is the first) of the character at `offset`. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
