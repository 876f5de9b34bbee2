/**
 * The patterns of a `tokenizer.json`, which are regular expressions of Oniguruma. Only forms are read that mean the same here and
 * that take linear time in any text: alternatives of characters and classes, in which only the last may repeat without a
 * limit. A repetition at the end always matches, so nothing is tried again for it. No I/O.
 */
import { escapePattern } from './escape-pattern.ts';
import { MAX_PATTERN_STEPS } from './tokenizer-limits.ts';

export interface Pattern {
  /** With the flags `gu`. */
  readonly regex: RegExp;
  /** Characters that its shortest match has, at least one. */
  readonly shortest: number;
  /** Characters that it reads at most at one place without a match. */
  readonly steps: number;
  /** Whether a match may contain a character. */
  readonly accepts: (character: string) => boolean;
}

/** A character or a class in the syntax of JavaScript, and how often it may stand in a row. */
interface Item {
  readonly source: string;
  readonly least: number;
  /** Infinity only for the last item of an alternative. */
  readonly most: number;
}

/** @throws with the reason why a pattern is not supported */
export function readPattern(given: { readonly String: string } | { readonly Regex: string }): Pattern {
  const written = 'String' in given ? given.String : given.Regex;
  const refuse: Refuse = (why) => {
    throw new Error(`the pattern ${JSON.stringify(written)} is not supported: ${why}`);
  };
  const alternatives = 'String' in given ? [literal(written)] : parse(written, refuse);
  const shortest = Math.min(...alternatives.map((items) => sum(items.map(({ least }) => least))));
  if (shortest === 0) refuse('it matches an empty text');
  const steps = sum(alternatives.map(stepsOf));
  if (steps > MAX_PATTERN_STEPS) {
    refuse(`it tries up to ${steps} characters at each place of a text; the limit is ${MAX_PATTERN_STEPS}`);
  }
  const source = alternatives.map((items) => items.map(write).join('')).join('|');
  const sources = new Set(alternatives.flat().map((item) => item.source));
  const character = new RegExp(`^(?:${Array.from(sources).join('|')})$`, 'u');
  return { regex: new RegExp(source, 'gu'), shortest, steps, accepts: (one) => character.test(one) };
}

type Refuse = (why: string) => never;
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const literal = (text: string): Item[] =>
  Array.from(text, (character) => ({ source: escapePattern(character), least: 1, most: 1 }));

function write({ source, least, most }: Item): string {
  if (most === Infinity) return `${source}{${least},}`;
  return least === 1 && most === 1 ? source : `${source}{${least},${most}}`;
}

/** Every choice of lengths is tried at worst, each with all of its characters. */
function stepsOf(items: readonly Item[]): number {
  const isFinite = ({ most }: Item) => most !== Infinity;
  const choices = items.filter(isFinite).reduce((product, { least, most }) => product * (most - least + 1), 1);
  return choices * sum(items.map((item) => (isFinite(item) ? item.most : item.least)));
}

/** Classes by their letter, with the characters of Oniguruma. `\s` and `\d` mean others in JavaScript. */
const CLASSES: Readonly<Record<string, string>> = {
  s: String.raw`\p{White_Space}`,
  S: String.raw`\P{White_Space}`,
  d: String.raw`\p{Nd}`,
  D: String.raw`\P{Nd}`,
};
const CONTROLS: Readonly<Record<string, string>> = { t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' };
const WHY: Readonly<Record<string, string>> = {
  '(': 'groups, look-around and options are not read',
  ')': 'groups are not read',
  '^': 'it stands for the beginning of a line, which is not read',
  $: 'it stands for the end of a line, which is not read',
  '[': 'a class within a class is not read',
};

const pointOf = (character: string) => character.codePointAt(0) ?? 0;

/** @returns the alternatives */
function parse(pattern: string, refuse: Refuse): Item[][] {
  const characters = Array.from(pattern);
  let at = 0;
  const next = () => characters[at++] ?? refuse('it ends too early');

  /** After a backslash. @returns a class, or one character */
  function readEscape(): { source: string; character?: string } {
    const letter = next();
    const known = CLASSES[letter];
    if (known !== undefined) return { source: known };
    if (letter === 'p' || letter === 'P') {
      const name = /^\{([LMNPSZC][a-z]?)\}/.exec(characters.slice(at, at + 4).join(''));
      if (!name) return refuse(`\\${letter} is read only with a general category, such as \\p{L}`);
      at += name[0].length;
      return { source: `\\${letter}${name[0]}` };
    }
    let character = CONTROLS[letter] ?? letter;
    if (letter === 'u') {
      const digits = characters.slice(at, at + 4).join('');
      if (!/^[\da-f]{4}$/i.test(digits)) return refuse('\\u is read only with four hexadecimal digits');
      at += 4;
      character = String.fromCharCode(Number.parseInt(digits, 16));
      if (!character.isWellFormed()) return refuse('it has half a character');
    } else if (character === letter && /[\p{L}\p{N}_]/u.test(letter)) return refuse(`\\${letter} is not read`);
    return { source: escapePattern(character), character };
  }

  function readClass(): string {
    let source = '[';
    if (characters[at] === '^') source += characters[at++];
    if (characters[at] === ']') refuse('a class is empty');
    /** The character before, which may begin a range. */
    let before: string | undefined;
    let isAfterClass = false;
    for (;;) {
      const one = next();
      if (one === ']') return `${source}]`;
      if (one === '[' || (one === '&' && characters[at] === '&')) return refuse(WHY['['] ?? '');
      if (one === '-' && isAfterClass && characters[at] !== ']') return refuse('a range begins with a class');
      if (one === '-' && before !== undefined && characters[at] !== ']') {
        const last = next();
        if (last === '[') return refuse(WHY['['] ?? '');
        const { character: end } = last === '\\' ? readEscape() : { character: last };
        if (end === undefined || pointOf(end) < pointOf(before))
          return refuse(`the range from ${before} is not one of characters`);
        source += `-${escapePattern(end)}`;
        before = undefined;
        continue;
      }
      // As Oniguruma reads a sign after a range, it is one of the characters.
      const read = one === '\\' ? readEscape() : { source: escapePattern(one), character: one };
      source += read.source;
      before = read.character;
      isAfterClass = before === undefined;
    }
  }

  function readTimes(): { least: number; most: number } {
    const sign = characters[at];
    let times = { least: 1, most: 1 };
    if (sign === '?') times = { least: 0, most: 1 };
    else if (sign === '*') times = { least: 0, most: Infinity };
    else if (sign === '+') times = { least: 1, most: Infinity };
    else if (sign === '{') {
      const end = characters.indexOf('}', at);
      const found = /^(\d{1,4})(,(\d{1,4})?)?$/.exec(characters.slice(at + 1, Math.max(at, end)).join(''));
      if (!found) return refuse('{ is read only in a repetition such as {2} or {2,}');
      const least = Number(found[1]);
      const most = found[2] === undefined ? least : found[3] === undefined ? Infinity : Number(found[3]);
      if (most < least || most === 0) return refuse(`{${found[0]}} is not a repetition`);
      times = { least, most };
      at = end;
    } else return times;
    at++;
    if (/^[?+*{]$/.test(characters[at] ?? '')) return refuse('a lazy, possessive or nested repetition is not read');
    return times;
  }

  function readItem(): Item {
    const one = next();
    const why = one === '[' ? undefined : WHY[one];
    if (why !== undefined) return refuse(`${one}: ${why}`);
    if (/^[?*+{}\]]$/.test(one)) return refuse(`${one} stands where a character should`);
    const source =
      one === '['
        ? readClass()
        : one === '.'
          ? String.raw`[^\n]`
          : one === '\\'
            ? readEscape().source
            : escapePattern(one);
    return { source, ...readTimes() };
  }

  const alternatives: Item[][] = [[]];
  while (at < characters.length) {
    const items = alternatives.at(-1) ?? [];
    if (characters[at] === '|') {
      at++;
      alternatives.push([]);
    } else if (items.at(-1)?.most === Infinity) {
      return refuse('something follows a repetition without a limit, which may take quadratic time');
    } else items.push(readItem());
  }
  return alternatives;
}
