/** The characters by which a byte-level vocabulary spells bytes, all of them visible (GPT-2's table). No I/O. */

/** Those that are spelled by the character of the same number in Latin-1; the others follow from U+0100 on. */
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

/** What a blank is spelled by: Ġ. */
export const BYTE_LEVEL_SPACE = CHARACTERS[0x20] ?? '';

/** A character for each byte of a text in UTF-8. */
export function spellBytes(text: string): string {
  let spelled = '';
  for (const byte of encoder.encode(text)) spelled += CHARACTERS[byte] ?? '';
  return spelled;
}

/**
 * The text of all bytes that tokens spell, with U+FFFD where they are none. A token that is no spelling of bytes stands for
 * itself.
 */
export function readBytes(tokens: readonly string[]): string {
  const bytes: number[] = [];
  for (const token of tokens) {
    const spelled = Array.from(token, (character) => BYTES.get(character) ?? -1);
    for (const byte of spelled.includes(-1) ? encoder.encode(token) : spelled) bytes.push(byte);
  }
  return decoder.decode(Uint8Array.from(bytes));
}
