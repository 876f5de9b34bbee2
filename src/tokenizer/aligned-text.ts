/**
 * A text between two normalizers, with the origin of each part: `NormalizedString` of `tokenizers`. The alignments follow
 * the same rules. No I/O.
 */
import { MAX_NORMALIZED_GROWTH, MIN_NORMALIZED_BASE } from '../limits.ts';
import { NormalizedTextTooLong } from './normalized-limit.ts';

export interface AlignedText {
  /** Well-formed. */
  readonly text: string;
  /** (code units of `text`,) start of the origin of each, in UTF-16 code units of the original. */
  readonly starts: readonly number[];
  /** (code units of `text`,) end of the origin. */
  readonly ends: readonly number[];
  /** The most code units that a normalizer may make of it. */
  readonly limit: number;
}

/** The original text. A lone surrogate is read as U+FFFD. */
export function alignText(original: string): AlignedText {
  const text = original.toWellFormed();
  const limit = MAX_NORMALIZED_GROWTH * Math.max(text.length, MIN_NORMALIZED_BASE);
  const aligned = startText(limit);
  let at = 0;
  for (const character of text) aligned.append(character, at, (at += character.length));
  return aligned.finish();
}

/** @param limit in code units: a longer text is refused before it takes memory */
export function startText(limit: number) {
  const starts: number[] = [];
  const ends: number[] = [];
  let text = '';
  return {
    length: () => text.length,
    appendText(added: AlignedText) {
      text += added.text;
      for (const start of added.starts) starts.push(start);
      for (const end of added.ends) ends.push(end);
    },
    append(piece: string, start: number, end: number) {
      if (text.length + piece.length > limit) throw new NormalizedTextTooLong(limit);
      text += piece;
      for (let i = 0; i < piece.length; i++) {
        starts.push(start);
        ends.push(end);
      }
    },
    finish: (): AlignedText => ({ text, starts, ends, limit }),
  };
}

/** @param from in code units, like `to` */
export function sliceText({ text, starts, ends, limit }: AlignedText, from: number, to: number): AlignedText {
  return { text: text.slice(from, to), starts: starts.slice(from, to), ends: ends.slice(from, to), limit };
}

/** Replaces each character by `image` of it, which has the same origin. */
export function mapCharacters(source: AlignedText, image: (character: string) => string): AlignedText {
  const aligned = startText(source.limit);
  let at = 0;
  for (const character of source.text) {
    aligned.append(image(character), source.starts[at] ?? 0, source.ends[at] ?? 0);
    at += character.length;
  }
  return aligned.finish();
}

/**
 * Appends a character to a new text. `change` is 0 if it replaces the next character of the old text, 1 if it is inserted
 * after that, and −n if it replaces the next character and the n characters after it are dropped.
 */
export type Put = (character: string, change: number) => void;

/**
 * Changes a text character by character. An inserted character has the origin of the character before it in the old text.
 * @param change puts the characters of the new text, in order
 */
export function transform(source: AlignedText, change: (put: Put) => void): AlignedText {
  const { text, starts, ends, limit } = source;
  const aligned = startText(limit);
  let at = 0;
  const skip = (characters: number) => {
    for (let i = 0; i < characters; i++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  };
  change((character, changed) => {
    const from = changed > 0 ? at - 1 : at;
    aligned.append(character, starts[from] ?? 0, ends[from] ?? 0);
    if (changed <= 0) skip(1 - changed);
  });
  return aligned.finish();
}

/** Replaces each match. The replacement has the origin of the last character of the match. */
export function replaceMatches(source: AlignedText, pattern: RegExp, content: string): AlignedText {
  const { text, starts, ends, limit } = source;
  if (text.search(pattern) < 0) return source;
  const aligned = startText(limit);
  let from = 0;
  const copy = (to: number) => {
    for (; from < to; from++) aligned.append(text.charAt(from), starts[from] ?? 0, ends[from] ?? 0);
  };
  for (const { 0: match, index } of text.matchAll(pattern)) {
    copy(index);
    from = index + match.length;
    aligned.append(content, starts[from - 1] ?? 0, ends[from - 1] ?? 0);
  }
  copy(text.length);
  return aligned.finish();
}

/** Puts a prefix before a text that is not empty. The prefix has the origin of the first character. */
export function prepend(source: AlignedText, prefix: string): AlignedText {
  const { text, starts, ends, limit } = source;
  if (text === '') return source;
  if (text.length + prefix.length > limit) throw new NormalizedTextTooLong(limit);
  const before = <T>(value: T, values: readonly T[]) => [...Array.from(prefix, () => value), ...values];
  return { text: prefix + text, starts: before(starts[0] ?? 0, starts), ends: before(ends[0] ?? 0, ends), limit };
}
