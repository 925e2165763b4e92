/**
 * Names and addresses stand in unique indexes, whose entries PostgreSQL limits to 2,704 bytes; in bytes, because 980
 * Chinese characters are 2,940 of them. What is longer is rejected before it reaches a statement.
 */
export const mostSourceBytes = 512;
export const mostAddressBytes = 1024;

/** Whether a name of a source can be stored as it is: short enough, and without U+0000, which PostgreSQL's text lacks. */
export function isSourceName(name: string): boolean {
  return fits(name, mostSourceBytes) && !name.includes('\u0000');
}

/** Whether the text has at most so many bytes as UTF-8. */
export function fits(text: string, bytes: number): boolean {
  return text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes;
}

/** The text as PostgreSQL can store it, cut to `limit` characters. */
export function safeText(text: string, limit: number): string {
  const cut = text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
  return cut.toWellFormed().replaceAll('\u0000', '␀');
}
