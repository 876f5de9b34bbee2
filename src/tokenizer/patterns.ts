/**
 * The patterns of a `tokenizer.json`, which are regular expressions of Oniguruma, translated to those of JavaScript. Only forms are
 * read that can be made to mean the same here, and that take linear time in any text: of what matches, only the end may repeat
 * without a limit. A repetition at the end always matches, so nothing is tried again for it. No I/O.
 */
import { escapePattern } from './escape-pattern.ts';
import {
  ANY_CHARACTER,
  findClass,
  findPosixClass,
  findProperty,
  NOT_NEWLINE,
  WORD_OF_PATTERNS,
} from './pattern-classes.ts';
import { MAX_PATTERN_STEPS } from './tokenizer-limits.ts';

export interface Pattern {
  /** With the flags `gv`, or `giv`. It also finds the empty matches that `replaceAll` leaves out. */
  readonly regex: RegExp;
  /** Characters that its shortest match has. */
  readonly shortest: number;
  /** Characters that it reads at most at one place without a match. */
  readonly steps: number;
  /** Whether a match may contain a character, or be beside it. */
  readonly accepts: (character: string) => boolean;
}

/**
 * Whether an empty match is none for `tokenizers`: right after another match, or between the halves of a character, where V8 looks
 * for conditions. In an empty text there is none at all.
 * @param end of the match before it
 */
export const isNoMatch = (text: string, index: number, end: number): boolean =>
  index === end || text === '' || (text.codePointAt(index - 1) ?? 0) > 0xffff;

/** Replaces all matches as `tokenizers` does. The pattern has no groups with names. */
export function replaceAll(text: string, regex: RegExp, contentOf: (match: string) => string): string {
  let end = -1;
  return text.replace(regex, (match: string, ...found: unknown[]) => {
    const index = Number(found.at(-2));
    if (match === '' && isNoMatch(text, index, end)) return '';
    end = index + match.length;
    return contentOf(match);
  });
}

/** A part of a pattern, in the syntax of JavaScript. */
interface Part {
  readonly source: string;
  /** Characters of its shortest match. */
  readonly least: number;
  /** Characters that it reads at most, without those of a repetition without a limit. */
  readonly length: number;
  /** In how many ways it may match. */
  readonly ways: number;
  /** Whether there are texts in which it does not match. */
  readonly canFail: boolean;
  /** Whether nothing may be tried again after it: it repeats without a limit, or is possessive. */
  readonly isFinal: boolean;
  readonly isAssertion?: boolean;
  /** Whether it is one set of characters. */
  readonly isSet?: boolean;
  /** The set of characters that it repeats without a limit, if it does nothing else. */
  readonly run?: string;
  /** The number of a group that may be referred to. */
  readonly group?: number;
}

interface Times {
  readonly least: number;
  readonly most: number;
  /** `?` for a lazy repetition. */
  readonly suffix: string;
  readonly isPossessive: boolean;
}

type Refuse = (why: string) => never;
/** By their numbers, the groups that have matched wherever a number may refer to them. */
type Captured = ReadonlyMap<number, Part>;

/** @throws with the reason why a pattern is not supported */
export function readPattern(given: { readonly String: string } | { readonly Regex: string }): Pattern {
  const written = 'String' in given ? given.String : given.Regex;
  const refuse: Refuse = (why) => {
    throw new Error(`the pattern ${JSON.stringify(written)} is not supported: ${why}`);
  };
  if ('String' in given && written === '') refuse('it is an empty text');
  const { alternatives, sets, flags } = 'String' in given ? literal(written) : parse(written, refuse);
  const guarded = guard(alternatives, refuse);
  const { source, least } = joinAlternatives(guarded);
  const steps = guarded
    .map((parts) => joinAlternatives([parts]))
    .reduce((sum, { length, ways }) => sum + length * ways, 0);
  if (steps > MAX_PATTERN_STEPS) {
    refuse(`it tries up to ${steps} characters at each place of a text; the limit is ${MAX_PATTERN_STEPS}`);
  }
  const character = new RegExp(`^(?:${Array.from(sets).join('|')})$`, flags);
  return {
    regex: new RegExp(source, `g${flags}`),
    shortest: least,
    steps,
    accepts: (one) => least === 0 || character.test(one),
  };
}

interface Parsed {
  readonly alternatives: readonly (readonly Part[])[];
  /** The sets of characters in it. */
  readonly sets: ReadonlySet<string>;
  readonly flags: 'v' | 'iv';
}

/** Not at the end of a text, even after a line feed. */
const LINE_BEGIN = String.raw`(?<![^\n])(?=[^])`;
const BEGINNINGS = new Set([LINE_BEGIN, '^']);

const ONE = { least: 1, length: 1, ways: 1, canFail: true, isFinal: false };
const NONE = { least: 0, length: 0, ways: 1, canFail: false, isFinal: false };

function literal(text: string): Parsed {
  const parts = Array.from(text, (character): Part => ({ ...ONE, source: escapePattern(character) }));
  return { alternatives: [parts], sets: new Set(parts.map(({ source }) => source)), flags: 'v' };
}

/** Within a group, at most the longest alternative is read in each of the ways of all. */
function joinAlternatives(alternatives: readonly (readonly Part[])[]): Part {
  const joined = alternatives.map((parts) =>
    parts.reduce<Part>(
      (a, b) => ({
        source: a.source + b.source,
        least: a.least + b.least,
        length: a.length + b.length,
        ways: a.ways * b.ways,
        canFail: a.canFail || b.canFail,
        isFinal: a.isFinal || b.isFinal,
      }),
      { ...NONE, source: '' },
    ),
  );
  return {
    source: joined.map(({ source }) => source).join('|'),
    least: Math.min(...joined.map(({ least }) => least)),
    length: Math.max(...joined.map(({ length }) => length)),
    ways: joined.reduce((sum, { ways }) => sum + ways, 0),
    canFail: joined.every(({ canFail }) => canFail),
    isFinal: joined.some(({ isFinal }) => isFinal),
  };
}

/** Oniguruma looks for one of these at the beginnings of lines only, whatever stands before it. */
const ANY = new Set<string | undefined>([ANY_CHARACTER, NOT_NEWLINE]);
const isLookedForByLine = (parts: readonly Part[]) => {
  const from = parts.findIndex(({ isAssertion }) => !isAssertion);
  return ANY.has(parts[from]?.run) && parts.slice(0, from).some(({ source }) => !BEGINNINGS.has(source));
};

const QUADRATIC = 'something follows a repetition without a limit, which may take quadratic time';

/** Whether what follows a repetition without a limit may fail, so that the repetition is tried again. */
const mayGoBack = (parts: readonly Part[]) => {
  const at = parts.findIndex(({ isFinal }) => isFinal);
  return at >= 0 && parts.slice(at + 1).some(({ canFail }) => canFail);
};

/**
 * An alternative such as `\s+$` looks at the end of a run of characters. Within a run it matches nowhere if it does not match at the
 * beginning, so it begins only there, which takes linear time. No other alternative may end within such a run.
 */
function guard(alternatives: readonly (readonly Part[])[], refuse: Refuse): Part[][] {
  return alternatives.map((parts) => {
    if (!mayGoBack(parts)) return [...parts];
    const [first, ...others] = parts;
    const run = first?.run;
    const isOfRun = (other: readonly Part[]) =>
      other.filter((part) => part.run === run).length === 1 &&
      other.every((part) => part.run === run || part.isAssertion);
    if (run === undefined || !others.every((part) => part.isAssertion) || !alternatives.every(isOfRun)) {
      return refuse(QUADRATIC);
    }
    return [{ ...NONE, source: `(?<!${run})` }, ...parts];
  });
}

/** @param times a part that is one term in the syntax */
function repeat(part: Part, { least, most, suffix, isPossessive }: Times, refuse: Refuse): Part {
  if (part.isAssertion) return refuse('a condition is repeated');
  if (most > 1 && part.isFinal)
    return refuse('a repetition without a limit is repeated, which may take quadratic time');
  if (part.least === 0) return refuse('it repeats what may be empty');
  const isUnlimited = most === Infinity;
  const last = isUnlimited ? Math.max(least, 1) : most;
  let ways = 0;
  // More than the limit is enough.
  for (let k = isUnlimited ? last : least; k <= last && ways <= MAX_PATTERN_STEPS; k++) ways += part.ways ** k;
  const sign = isUnlimited ? `{${least},}` : least === most ? `{${least}}` : `{${least},${most}}`;
  return {
    source: part.source + sign + suffix,
    least: part.least * least,
    length: part.length * (isUnlimited ? least : most),
    ways,
    canFail: part.canFail && least > 0,
    isFinal: part.isFinal || isUnlimited || isPossessive,
    ...(isUnlimited && part.isSet && suffix === '' && !isPossessive && { run: part.source }),
  };
}

const CONTROLS: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  a: '\u0007',
  e: '\u001b',
};
const NEWLINES = String.raw`[\n-\r\x85\u2028\u2029]`;
/** Conditions, with the flags that JavaScript has here. A word is that of Oniguruma. */
const CONDITIONS: Readonly<Record<string, string>> = {
  A: '^',
  z: '$',
  Z: String.raw`(?=\n?$)`,
  b: `(?:(?<=${WORD_OF_PATTERNS})(?!${WORD_OF_PATTERNS})|(?<!${WORD_OF_PATTERNS})(?=${WORD_OF_PATTERNS}))`,
  B: `(?:(?<=${WORD_OF_PATTERNS})(?=${WORD_OF_PATTERNS})|(?<!${WORD_OF_PATTERNS})(?!${WORD_OF_PATTERNS}))`,
};
const LINE_END = String.raw`(?![^\n])`;
/** The ends of lines; the first is not divided. */
const LINE_BREAK = String.raw`(?:\r\n|(?!\r\n)${NEWLINES})`;
const LOOK: readonly string[] = ['?=', '?!', '?<=', '?<!'];

/** Characters that are others in another case together with their neighbours, such as ß and ss, or that combine. */
const JOINED_BY_CASE = /ss|ff|fi|fl|st|[\p{M}\u02bc\u02be\u03b9\u0530-\u058f]/u;
const changesLength = (character: string) =>
  character === '\u1e9e' || Array.from(character.toUpperCase() + character.toLowerCase()).length > 2;

const pointOf = (character: string) => character.codePointAt(0) ?? 0;

function parse(pattern: string, refuse: Refuse): Parsed {
  const characters = Array.from(pattern);
  const sets = new Set<string>();
  const options = { i: false, m: false, x: false };
  let at = 0;
  let groups = 0;
  let isBegun = false;
  let isInLook = false;
  /** The character before, where only the character itself is meant. */
  let before = '';
  const next = () => characters[at++] ?? refuse('it ends too early');
  const follows = (text: string) => characters.slice(at, at + text.length).join('') === text;
  const take = (form: RegExp, most: number): RegExpExecArray | null => {
    const found = form.exec(characters.slice(at, at + most).join(''));
    at += Array.from(found?.[0] ?? '').length;
    return found;
  };

  const setOf = (source: string): Part => {
    sets.add(source);
    return { ...ONE, source, isSet: true };
  };

  /** In any case, a character may be others. */
  function checkCase(character: string): void {
    if (!options.i) return;
    if (changesLength(character)) refuse(`${character} is several characters in another case, which is not read`);
  }

  function readCharacter(character: string): Part {
    checkCase(character);
    if (options.i && JOINED_BY_CASE.test((before + character).toUpperCase().toLowerCase())) {
      refuse(`${before}${character} in any case may be one character, which is not read`);
    }
    before = character;
    return setOf(escapePattern(character));
  }

  function readProperty(letter: string): string {
    const name = take(/^\{(\^?)([\w -]+)\}/, 64);
    if (!name) return refuse(`\\${letter} is read only with a name, such as \\p{L}`);
    if (options.i) refuse(`\\${letter} in any case is not read`);
    const set = findProperty(name[2] ?? '', (letter === 'P') !== (name[1] === '^'));
    return set ?? refuse(`\\${letter}${name[0]} is not known`);
  }

  function readCode(): string {
    const [, hex = ''] =
      take(/^\{([\da-f]{1,8})\}/i, 10) ?? refuse('\\x is read only with two hexadecimal digits or in braces');
    return hex;
  }

  /** After a backslash. @returns a set, or one character */
  function readEscape(isInClass: boolean): { set: string } | { character: string } {
    const letter = next();
    const set = findClass(letter, isInClass);
    // It may have characters that are several in another case.
    if (set !== undefined && isInClass && options.i && !/[dsh]/.test(letter))
      refuse(`[\\${letter}] in any case is not read`);
    if (set !== undefined) return { set };
    if (letter === 'p' || letter === 'P') return { set: readProperty(letter) };
    if (isInClass && letter === 'b') return { character: '\b' };
    const control = CONTROLS[letter];
    if (control !== undefined) return { character: control };
    if (letter === 'u' || letter === 'x') {
      const digits =
        letter === 'u'
          ? (take(/^[\da-f]{4}/i, 4)?.[0] ?? refuse('\\u is read only with four hexadecimal digits'))
          : (take(/^[\da-f]{2}/i, 2)?.[0] ?? readCode());
      const point = Number.parseInt(digits, 16);
      if (point > 0x10ffff) refuse(`\\x{${digits}} is no character`);
      const character = String.fromCodePoint(point);
      return character.isWellFormed() ? { character } : refuse('it has half a character');
    }
    if (/[A-Za-z\d]/.test(letter)) return refuse(`\\${letter} is not read`);
    return { character: letter };
  }

  /** After `[`. @param isInner whether it is within another class */
  function readClass(isInner = false): string {
    const isNegated = follows('^');
    if (isNegated) at++;
    if (isNegated && isInner && options.i) refuse('a negated class within a class is not read in any case');
    if (follows(']')) refuse('a class is empty');
    const operands = [''];
    const add = (set: string) => operands.push((operands.pop() ?? '') + set);
    /** The character before, which may begin a range. */
    let begin: string | undefined;
    let isAfterSet = false;
    for (;;) {
      const one = next();
      if (one === ']') break;
      if (one === '&' && follows('&')) {
        if (options.i) refuse('&& is not read in any case');
        at++;
        operands.push('');
        begin = undefined;
        isAfterSet = false;
        continue;
      }
      if (one === '[') {
        const posix = take(/^:(\^?)([a-z]+):\]/, 12);
        if (!posix && follows(':')) refuse('a class within a class begins with a colon');
        if (posix && options.i) refuse(`[${posix[0]} in any case is not read`);
        add(
          posix
            ? (findPosixClass(posix[2] ?? '', posix[1] === '^') ?? refuse(`[${posix[0]} is not known`))
            : readClass(true),
        );
        begin = undefined;
        isAfterSet = true;
        continue;
      }
      if (one === '-' && isAfterSet && !follows(']')) refuse('a range begins with a class');
      if (one === '-' && begin !== undefined && !follows(']') && !follows('&&')) {
        const last = next();
        if (last === '[') refuse('a range ends with a class');
        const read = last === '\\' ? readEscape(true) : { character: last };
        if ('set' in read || pointOf(read.character) < pointOf(begin)) {
          return refuse(`the range from ${begin} is not one of characters`);
        }
        if (options.i && pointOf(read.character) >= 0x80) {
          refuse(`the range from ${begin} in any case is not read`);
        }
        add(`-${escapePattern(read.character)}`);
        begin = undefined;
        continue;
      }
      // As Oniguruma reads a sign after a range, it is one of the characters.
      const read = one === '\\' ? readEscape(true) : { character: one };
      const character = 'set' in read ? undefined : read.character;
      checkCase(character ?? '');
      add('set' in read ? read.set : escapePattern(read.character));
      begin = character;
      isAfterSet = character === undefined;
    }
    if (operands.includes('')) refuse('one side of && is empty');
    const set = operands.length === 1 ? operands.join('') : operands.map((one) => `[${one}]`).join('&&');
    return `[${isNegated ? '^' : ''}${set}]`;
  }

  function readTimes(): Times | undefined {
    const sign = characters[at] ?? '';
    const found = take(/^(?:[?*+]|\{(?:(\d{1,4})|(\d{0,4}),(\d{0,4}))\})/, 11);
    if (!found) return sign === '{' ? refuse('{ is read only in a repetition such as {2} or {2,}') : undefined;
    const [braces, times, from = '', to = ''] = found;
    const isRange = sign === '{';
    let least = sign === '+' ? 1 : 0;
    let most = sign === '?' ? 1 : Infinity;
    if (isRange) {
      least = Number(times ?? from);
      most = times === undefined ? Number(to || Infinity) : least;
      if (most < least || most === 0 || braces === '{,}') refuse(`${braces} is not a repetition`);
    }
    const [mode = ''] = take(/^[?+]/, 1) ?? [];
    if (isRange && (mode === '+' || (mode === '?' && least === most))) refuse(`${braces}${mode} is not read`);
    if (/^[?*+{]/.test(characters[at] ?? '')) refuse('a repetition of a repetition is not read');
    return { least, most, suffix: mode === '?' ? '?' : '', isPossessive: mode === '+' };
  }

  /** After `(?`, options such as `i-m`, up to and without what ends them. @returns whether they are valid to the end of the group */
  function readOptions(): boolean {
    const [all = '', on = '', off = ''] = take(/^([imx]*)(?:-([imx]*))?/, 8) ?? [];
    const end = next();
    if (end !== ':' && end !== ')') refuse(`(?${all}${end} is not read`);
    const wanted = { ...options };
    for (const name of on) wanted[name as keyof typeof options] = true;
    for (const name of off) wanted[name as keyof typeof options] = false;
    if (wanted.i !== options.i && isBegun) refuse('(?i) is read only at the beginning');
    Object.assign(options, wanted);
    return end === ')';
  }

  /** After `(`. @returns undefined for what is nothing by itself */
  function readGroup(captured: Captured): Part | undefined {
    if (!follows('?')) {
      isBegun = true;
      const group = ++groups;
      const inner = readAlternatives(captured);
      return { ...inner, source: `(${inner.source})`, group };
    }
    const look = LOOK.find((sign) => follows(sign));
    if (look !== undefined) {
      at += look.length;
      isBegun = true;
      const outside = isInLook;
      isInLook = true;
      const { source, length, ways, isFinal } = readAlternatives(captured);
      isInLook = outside;
      if (isFinal) refuse('a repetition without a limit stands in look-around, which may take quadratic time');
      return { ...NONE, source: `(${look}${source})`, length: length * ways, canFail: true, isAssertion: true };
    }
    at++;
    if (take(/^#[^)]*\)/, characters.length)) return undefined;
    if (take(/^<\w+>/, 64)) return refuse('groups with names are not read');
    if (/^[^imx:-]/.test(characters[at] ?? '')) refuse(`(?${characters[at]} is not read`);
    const outside = { ...options };
    const isForRest = readOptions();
    const group = readAlternatives(captured, isForRest);
    if (outside.i !== options.i && at < characters.length) refuse('(?i) is read only for the whole pattern');
    Object.assign(options, { m: outside.m, x: outside.x });
    return { ...group, source: `(?:${group.source})` };
  }

  function readTerm(captured: Captured): Part | undefined {
    const one = next();
    if (options.x && /\s/.test(one)) return undefined;
    if (options.x && one === '#') {
      take(/^[^\n]*/, characters.length);
      return undefined;
    }
    if (one === '(') return readGroup(captured);
    isBegun = true;
    if (one === '\\' && /^[1-9]/.test(characters[at] ?? '')) {
      const [number = ''] = take(/^\d+/, 3) ?? [];
      const group = captured.get(Number(number));
      if (!group || group.isFinal || options.i || isInLook) {
        return refuse(`\\${number} is read only after a group beside it that is not repeated and has a limit`);
      }
      return { ...ONE, source: `(?:\\${number})`, least: group.least, length: group.length };
    }
    if (one === '\\' && characters[at] === 'R') {
      at++;
      before = '';
      sets.add(NEWLINES);
      return { ...ONE, source: LINE_BREAK, length: 2 };
    }
    const special = one === '\\' ? CONDITIONS[characters[at] ?? ''] : one === '^' ? LINE_BEGIN : LINE_END;
    if (special !== undefined && /^[\\^$]$/.test(one)) {
      if (one === '\\') at++;
      before = '';
      return { ...NONE, source: special, length: 1, canFail: true, isAssertion: true };
    }
    if (/^[?*+{]$/.test(one)) return refuse(`${one} stands where a character should`);
    const read =
      one === '['
        ? { set: readClass() }
        : one === '.'
          ? { set: options.m ? '[^]' : String.raw`[^\n]` }
          : one === '\\'
            ? readEscape(false)
            : { character: one };
    if ('character' in read) return readCharacter(read.character);
    before = '';
    return setOf(read.set);
  }

  /** Up to the end, or up to and with the end of a group. */
  function readSequences(outer: Captured): { alternatives: Part[][]; isClosed: boolean } {
    const alternatives: Part[][] = [[]];
    let captured = new Map(outer);
    while (at < characters.length) {
      if (follows(')')) {
        at++;
        return { alternatives, isClosed: true };
      }
      if (follows('|')) {
        at++;
        before = '';
        isBegun = true;
        alternatives.push([]);
        captured = new Map(outer);
        continue;
      }
      const part = readTerm(captured);
      if (!part) continue;
      const times = readTimes();
      alternatives.at(-1)?.push(times ? repeat(part, times, refuse) : part);
      if (part.group !== undefined && !times) captured.set(part.group, part);
    }
    return { alternatives, isClosed: false };
  }

  function checkLines(alternatives: readonly (readonly Part[])[]): void {
    if (alternatives.some(isLookedForByLine)) refuse('a condition stands before any characters without a limit');
  }

  /** @param isForRest whether it ends with the group around it */
  function readAlternatives(captured: Captured, isForRest = false): Part {
    const { alternatives, isClosed } = readSequences(captured);
    if (!isClosed && !isForRest) refuse('it ends too early');
    if (isClosed && isForRest) at--;
    checkLines(alternatives);
    if (alternatives.some(mayGoBack)) refuse(QUADRATIC);
    return joinAlternatives(alternatives);
  }

  const { alternatives, isClosed } = readSequences(new Map());
  if (isClosed) refuse('it has a ) without a (');
  checkLines(alternatives);
  return { alternatives, sets, flags: options.i ? 'iv' : 'v' };
}
