/** The texts in which test/fixtures/record/token_ids.py recorded what every character becomes. No I/O. */
import { createHash } from 'node:crypto';

/** A digest of the form in which the fixtures record many lines. */
export const sha256OfLines = (lines: readonly string[]): string =>
  createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex');

/** From the first code point up to, and without, the second. */
const RANGES = [
  [0, 0xd800],
  [0xe000, 0x20000],
  [0x2f800, 0x2fa20],
  [0xe0000, 0xe0200],
] as const;

/** Every character of these ranges between letters, digits and punctuation, 256 characters to a block. */
export function blocksOfCharacters(): string[] {
  const between: string[] = [];
  for (const [first, end] of RANGES) {
    for (let point: number = first; point < end; point++) {
      const character = String.fromCodePoint(point);
      between.push(`a${character}a1${character}1.${character}.`);
    }
  }
  return Array.from({ length: Math.ceil(between.length / 256) }, (_, i) =>
    between.slice(256 * i, 256 * (i + 1)).join(''),
  );
}
