/** The texts by which test/fixtures/record/token_ids.py asks what becomes of every character. No I/O. */

/** From the first to the last, but for the last itself. */
const RANGES = [
  [0, 0xd800],
  [0xe000, 0x20000],
  [0x2f800, 0x2fa20],
  [0xe0000, 0xe0200],
] as const;

/** All that is likely to be in a text, 256 to a block, each between letters, numbers and signs. */
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
