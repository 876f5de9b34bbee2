/** The visible characters by which a byte-level vocabulary spells bytes (GPT-2's table). No I/O. */

/** Bytes spelled by the Latin-1 character of the same number. The other bytes get the characters from U+0100. */
const VISIBLE = /[!-~\xa1-\xac\xae-\xff]/;

/** (256,) */
const CHARACTERS: string[] = [];
let others = 0x100;
for (let byte = 0; byte < 256; byte++) {
  const own = String.fromCharCode(byte);
  CHARACTERS.push(VISIBLE.test(own) ? own : String.fromCharCode(others++));
}
const BYTES = new Map(CHARACTERS.map((character, byte) => [character, byte]));

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** The spelling of a space: Ġ. */
export const BYTE_LEVEL_SPACE = CHARACTERS[0x20] ?? '';

/** Spells each byte of a text in UTF-8. */
export function spellBytes(text: string): string {
  let spelled = '';
  for (const byte of encoder.encode(text)) spelled += CHARACTERS[byte] ?? '';
  return spelled;
}

/** The same for one code point. */
export const spellCharacter = (point: number): string =>
  point < 0x80 ? (CHARACTERS[point] ?? '') : spellBytes(String.fromCodePoint(point));

/**
 * The text of the bytes that tokens spell, with U+FFFD for invalid UTF-8. A token that does not spell bytes stays as it is.
 */
export function readBytes(tokens: readonly string[]): string {
  const bytes: number[] = [];
  for (const token of tokens) {
    const spelled = Array.from(token, (character) => BYTES.get(character) ?? -1);
    for (const byte of spelled.includes(-1) ? encoder.encode(token) : spelled) bytes.push(byte);
  }
  return decoder.decode(Uint8Array.from(bytes));
}
