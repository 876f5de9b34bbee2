/** A bar of a chart. No I/O. */

/** Of a character, from the left. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** @param width of the whole, in characters */
export function bar(share: number, width: number): string {
  const eighths = Math.round(8 * width * share) || 1;
  return ('█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')).padEnd(width);
}
