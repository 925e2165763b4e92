/**
 * A cell as a JSON value with the very digits of the file: `0.0265878` is sent as these characters, not as the nearest
 * float printed again. Only what JSON does not allow is mended without touching a digit: `+5`, `.5`, `5.`, `007`, and a
 * decimal comma where commas do not separate. `null` for an empty cell (nothing to send), undefined for what is no value.
 */
export function jsonValue(cell: string, decimalComma: boolean): string | null | undefined {
  if (cell === '') return null;
  if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(cell)) return cell;
  if (/^(true|false)$/i.test(cell)) return cell.toLowerCase();
  const text = decimalComma ? cell.replace(',', '.') : cell;
  const match = /^([+-]?)0*(\d*)(?:\.(\d*))?([eE][+-]?\d+)?$/.exec(text);
  if (match === null || !/\d/.test(text.replace(/[eE].*/, ''))) return undefined;
  const [, sign, whole, fraction, exponent = ''] = match;
  return `${sign === '-' ? '-' : ''}${whole || '0'}${fraction === undefined || fraction === '' ? '' : `.${fraction}`}${exponent}`;
}

/** A column's name as a signal's: lower case, and `_` for every run of blanks and of the characters that topics cannot have. */
export function signalName(column: string): string {
  return column
    .trim()
    .toLowerCase()
    .replaceAll(/[\s/+#]+/g, '_');
}
