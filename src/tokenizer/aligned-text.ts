/**
 * A text between two normalizers, with the origin of each part: `NormalizedString` of `tokenizers`. The alignments follow
 * the same rules. No I/O.
 */
import { MAX_NORMALIZED_GROWTH, MIN_NORMALIZED_BASE } from '../limits.ts';
import { NormalizedTextTooLong } from './normalized-limit.ts';
import { isNoMatch, replaceAll } from './patterns.ts';

export interface AlignedText {
  /** Well-formed. */
  readonly text: string;
  /** (code units of `text`,) start of the origin of each, in UTF-16 code units of the original. Empty without origins. */
  readonly starts: readonly number[];
  /** (code units of `text`,) end of the origin. */
  readonly ends: readonly number[];
  /** The most code units that a step of a normalizer may make of the original text. */
  readonly limit: number;
  /** How many of them it made of the sections before this one. */
  readonly made: number;
}

/** The original text. A lone surrogate is read as U+FFFD. */
export function alignText(original: string): AlignedText {
  const text = original.toWellFormed();
  const limit = MAX_NORMALIZED_GROWTH * Math.max(text.length, MIN_NORMALIZED_BASE);
  const starts: number[] = [];
  const ends: number[] = [];
  for (const character of text) {
    const start = starts.length;
    for (let i = 0; i < character.length; i++) {
      starts.push(start);
      ends.push(start + character.length);
    }
  }
  return { text, starts, ends, limit, made: 0 };
}

/** The same text without origins: what is made of it has none either, and takes half the time. */
export const withoutOrigins = (source: AlignedText): AlignedText => ({ ...source, starts: [], ends: [] });

/**
 * A text that is made of another, piece by piece, with origins if that has them. More than its limit is refused before it takes
 * memory.
 */
export function startText({ starts: given, limit, made }: AlignedText) {
  const hasOrigins = given.length > 0;
  const starts: number[] = [];
  const ends: number[] = [];
  let text = '';
  const add = (piece: string) => {
    if (made + text.length + piece.length > limit) throw new NormalizedTextTooLong(limit);
    text += piece;
  };
  return {
    length: () => text.length,
    /** A part of a text with its origins. */
    appendSlice(source: AlignedText, from: number, to: number) {
      add(source.text.slice(from, to));
      if (!hasOrigins) return;
      for (let at = from; at < to; at++) {
        starts.push(source.starts[at] ?? 0);
        ends.push(source.ends[at] ?? 0);
      }
    },
    append(piece: string, start: number, end: number) {
      add(piece);
      if (!hasOrigins) return;
      for (let i = 0; i < piece.length; i++) {
        starts.push(start);
        ends.push(end);
      }
    },
    finish: (): AlignedText => ({ text, starts, ends, limit, made }),
  };
}

/** @param from in code units, like `to` */
export function sliceText(source: AlignedText, from: number, to: number): AlignedText {
  const { text, starts, ends } = source;
  return { ...source, text: text.slice(from, to), starts: starts.slice(from, to), ends: ends.slice(from, to) };
}

/** Replaces each character by `image` of it, which has the same origin. */
export function mapCharacters(source: AlignedText, image: (character: string) => string): AlignedText {
  const aligned = startText(source);
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
  const { text, starts, ends } = source;
  const aligned = startText(source);
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

/** A text without origins that a step made as a whole. */
function remake(source: AlignedText, text: string): AlignedText {
  if (source.made + text.length > source.limit) throw new NormalizedTextTooLong(source.limit);
  return { ...source, text };
}

/** Changes a text as a whole where it has no origins, which takes a fraction of the time. */
export const changeWhole = (
  source: AlignedText,
  whole: (text: string) => string,
  change: (source: AlignedText) => AlignedText,
): AlignedText => (source.starts.length === 0 ? remake(source, whole(source.text)) : change(source));

/**
 * Replaces each match. The replacement has the origin of the last character of the match.
 * @param contentOf a match
 */
export function replaceMatches(
  source: AlignedText,
  pattern: RegExp,
  contentOf: (match: string) => string,
): AlignedText {
  const { text, starts, ends } = source;
  if (text.search(pattern) < 0) return source;
  return changeWhole(
    source,
    () => replaceAll(text, pattern, contentOf),
    () => {
      const aligned = startText(source);
      let [from, end] = [0, -1];
      // What replaces nothing at the beginning has the origin of nothing there.
      const first = starts[0] ?? 0;
      for (const { 0: match, index } of text.matchAll(pattern)) {
        if (match === '' && isNoMatch(text, index, end)) continue;
        aligned.appendSlice(source, from, index);
        from = end = index + match.length;
        aligned.append(contentOf(match), starts[from - 1] ?? first, ends[from - 1] ?? first);
      }
      aligned.appendSlice(source, from, text.length);
      return aligned.finish();
    },
  );
}

/** Puts a prefix before a text that is not empty. The prefix has the origin of the first character. */
export function prepend(source: AlignedText, prefix: string): AlignedText {
  if (source.text === '') return source;
  const aligned = startText(source);
  aligned.append(prefix, source.starts[0] ?? 0, source.ends[0] ?? 0);
  aligned.appendSlice(source, 0, source.text.length);
  return aligned.finish();
}
