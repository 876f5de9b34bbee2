/** Escapes a text for a regular expression. No I/O. */
export function escapePattern(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
