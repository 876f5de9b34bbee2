/** Texts as literals of a shell, of JavaScript (and JSON), and of Python. No I/O. */

/** What one does not see, or what turns round the text after it: it is written as an escape. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** In a POSIX shell nothing is special between single quotes, except a single quote. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A JSON text on one line or several; it is also a JavaScript literal. */
export function json(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNSEEN, escapeUnits);
}

/** The same for Python, which does not put two halves of a character together. */
export function python(value: unknown): string {
  return JSON.stringify(value, null, 4).replace(UNSEEN, escapePoint);
}

/** JSON has no line break but those between its lines. */
function escapeUnits(unseen: string): string {
  if (unseen === '\n') return unseen;
  return Array.from({ length: unseen.length }, (_, i) => hexadecimal('u', unseen.charCodeAt(i), 4)).join('');
}

function escapePoint(unseen: string): string {
  if (unseen === '\n') return unseen;
  const point = unseen.codePointAt(0) ?? 0;
  return point > 0xffff ? hexadecimal('U', point, 8) : hexadecimal('u', point, 4);
}

const hexadecimal = (letter: string, code: number, digits: number): string =>
  `\\${letter}${code.toString(16).padStart(digits, '0')}`;
