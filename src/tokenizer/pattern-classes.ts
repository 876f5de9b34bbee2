/**
 * The classes of characters that a pattern names, as Oniguruma 6.9 has them (Unicode 16.0), in the syntax of JavaScript with the flag
 * `v`. No I/O.
 */
import { ASSIGNED_SINCE_16 } from './unicode.ts';

/** Without the characters that JavaScript has added since. */
const known = (set: string) => `[${set}--[${ASSIGNED_SINCE_16}]]`;
const not = (set: string) => `[^${set}]`;

export const ANY_CHARACTER = '[^]';
export const NOT_NEWLINE = String.raw`[^\n]`;
const SPACE = String.raw`\p{White_Space}`;
const DIGIT = known(String.raw`\p{Nd}`);
const HEX = '[0-9A-Fa-f]';
/** A small letter until Unicode 16.0. */
const SMALL_UNTIL_16 = String.raw`\u{295}`;
const LOWER = known(String.raw`[\p{Lowercase}${SMALL_UNTIL_16}]`);
const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
const WORD_IN_CLASS = known(`[${WORD}]`);
/** Outside of a class, Oniguruma has ², ³, ¹ and the fractions of Latin-1 as well. */
export const WORD_OF_PATTERNS = known(String.raw`[${WORD}\xb2\xb3\xb9\xbc-\xbe]`);

/** By the letter after a backslash, the small one. Within a class, `\w` is another set. */
const BY_LETTER: Readonly<Record<string, string>> = { d: DIGIT, s: SPACE, h: HEX, w: WORD_OF_PATTERNS };

const POSIX: Readonly<Record<string, string>> = {
  alnum: known(String.raw`[\p{Alphabetic}\p{Nd}]`),
  alpha: known(String.raw`\p{Alphabetic}`),
  ascii: String.raw`\p{ASCII}`,
  blank: String.raw`[\p{Zs}\t]`,
  cntrl: String.raw`\p{Cc}`,
  digit: DIGIT,
  graph: known(String.raw`[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]`),
  lower: LOWER,
  print: known(String.raw`[^\p{Cc}\p{Cs}\p{Cn}\u2028\u2029]`),
  punct: known(String.raw`[\p{P}\p{S}]`),
  space: SPACE,
  upper: known(String.raw`\p{Uppercase}`),
  word: WORD_IN_CLASS,
  xdigit: HEX,
};

/** As a class within a class. @param name such as `alpha` */
export function findPosixClass(name: string, isNegated: boolean): string | undefined {
  const set = POSIX[name];
  return set === undefined || !isNegated ? set : not(set);
}

/** @param letter after a backslash */
export function findClass(letter: string, isInClass: boolean): string | undefined {
  if (!isInClass && letter === 'N') return NOT_NEWLINE;
  if (!isInClass && letter === 'O') return ANY_CHARACTER;
  const small = letter.toLowerCase();
  const set = isInClass && small === 'w' ? WORD_IN_CLASS : BY_LETTER[small];
  return set === undefined || letter === small ? set : not(set);
}

const BINARY = [
  'ASCII',
  'Any',
  'Alphabetic',
  'Assigned',
  'Emoji',
  'Emoji_Presentation',
  'Hex_Digit',
  'Ideographic',
  'Lowercase',
  'Math',
  'Unified_Ideograph',
  'Uppercase',
  'White_Space',
];

/** Whether JavaScript knows a property. */
function isKnown(property: string): boolean {
  try {
    return new RegExp(`\\p{${property}}`, 'v').unicodeSets;
  } catch {
    return false;
  }
}

/**
 * A general category, a script or one of the properties above, in the spelling of Unicode but in any case.
 * @param name within the braces
 * @returns undefined for a name that is not known
 */
export function findProperty(name: string, isNegated: boolean): string | undefined {
  const set = positive(name.trim().replaceAll(/[ -]/g, '_'));
  return set === undefined || !isNegated ? set : not(set);
}

function positive(name: string): string | undefined {
  const small = name.toLowerCase();
  // As a property, "punct" is the general category. "word" differs within a class.
  if (small === 'word') return undefined;
  if (small !== 'punct' && Object.hasOwn(POSIX, small)) return POSIX[small];
  const titled = small.replaceAll(/(?<![a-z])[a-z]/g, (letter) => letter.toUpperCase());
  const binary = BINARY.find((one) => one.toLowerCase() === small);
  if (binary === 'Any') return ANY_CHARACTER;
  if (binary === 'Lowercase') return LOWER;
  if (binary !== undefined) return known(`\\p{${binary}}`);
  const category = [name, titled, small.toUpperCase()].find((one) => isKnown(`gc=${one}`));
  switch (category) {
    case undefined: {
      const script = [name, titled].find((one) => isKnown(`Script=${one}`));
      return script === undefined ? undefined : known(`\\p{Script=${script}}`);
    }
    case 'C':
    case 'Other':
    case 'Cn':
    case 'Unassigned':
      return `[\\p{${category}}${ASSIGNED_SINCE_16}]`;
    case 'LC':
    case 'Cased_Letter':
    case 'Ll':
    case 'Lowercase_Letter':
      return known(`[\\p{${category}}${SMALL_UNTIL_16}]`);
    case 'Lo':
    case 'Other_Letter':
      return known(`[\\p{${category}}--${SMALL_UNTIL_16}]`);
    default:
      return known(`\\p{${category}}`);
  }
}
