/** Quotes texts as literals for a shell, for JavaScript (and JSON), and for Python. No I/O. */

/** Invisible characters, and those that reverse the text after them. They are escaped. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** In a POSIX shell, only a single quote is special between single quotes. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** JSON, which is also a JavaScript literal. */
export function json(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(INVISIBLE, escapeUnits);
}

/** A Python literal. Python does not combine the escapes of a surrogate pair into one character. */
export function python(value: unknown): string {
  return JSON.stringify(value, null, 4).replace(INVISIBLE, escapePoint);
}

/** A line break can only be one between the lines of the JSON: those in strings are escaped already. */
function escapeUnits(character: string): string {
  if (character === '\n') return character;
  return Array.from({ length: character.length }, (_, i) => hexadecimal('u', character.charCodeAt(i), 4)).join('');
}

function escapePoint(character: string): string {
  if (character === '\n') return character;
  const point = character.codePointAt(0) ?? 0;
  return point > 0xffff ? hexadecimal('U', point, 8) : hexadecimal('u', point, 4);
}

const hexadecimal = (letter: string, code: number, digits: number): string =>
  `\\${letter}${code.toString(16).padStart(digits, '0')}`;
