/**
 * A text on its way through the normalizers, with where each part of it comes from: `NormalizedString` of `tokenizers`,
 * by whose rules the alignments go. No I/O.
 */

export interface AlignedText {
  /** Well-formed. */
  readonly text: string;
  /** (code units of `text`,) where in the original, in UTF-16 code units, what each comes from begins. */
  readonly starts: readonly number[];
  /** (code units of `text`,) where it ends. */
  readonly ends: readonly number[];
}

/**
 * A character of a new text: 0 where it stands for the next one of the old text, 1 where it is put in behind that, −n
 * where it stands for the next one and the n behind it are dropped.
 */
export interface Change {
  readonly character: string;
  readonly change: number;
}

/** The original itself. Half a character is read as U+FFFD. */
export function alignText(original: string): AlignedText {
  const text = original.toWellFormed();
  const aligned = startText();
  let at = 0;
  for (const character of text) aligned.append(character, at, (at += character.length));
  return aligned.finish();
}

function startText() {
  const starts: number[] = [];
  const ends: number[] = [];
  let text = '';
  return {
    append(piece: string, start: number, end: number) {
      text += piece;
      for (let i = 0; i < piece.length; i++) {
        starts.push(start);
        ends.push(end);
      }
    },
    finish: (): AlignedText => ({ text, starts, ends }),
  };
}

/** @param from in code units, as `to` */
export function sliceText({ text, starts, ends }: AlignedText, from: number, to: number): AlignedText {
  return { text: text.slice(from, to), starts: starts.slice(from, to), ends: ends.slice(from, to) };
}

/** What a pattern matches, in order. */
export function matchesOf(source: AlignedText, pattern: RegExp): AlignedText[] {
  return Array.from(source.text.matchAll(pattern), ({ 0: match, index }) =>
    sliceText(source, index, index + match.length),
  );
}

/** Each character becomes what `image` says, all of which comes from where the character did. */
export function mapCharacters(source: AlignedText, image: (character: string) => string): AlignedText {
  const aligned = startText();
  let at = 0;
  for (const character of source.text) {
    aligned.append(image(character), source.starts[at] ?? 0, source.ends[at] ?? 0);
    at += character.length;
  }
  return aligned.finish();
}

/** What is put in comes from where the character before it in the old text did. */
export function transform(source: AlignedText, changes: Iterable<Change>): AlignedText {
  const { text, starts, ends } = source;
  const aligned = startText();
  let at = 0;
  const skip = (characters: number) => {
    for (let i = 0; i < characters; i++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  };
  for (const { character, change } of changes) {
    const from = change > 0 ? at - 1 : at;
    aligned.append(character, starts[from] ?? 0, ends[from] ?? 0);
    if (change <= 0) skip(1 - change);
  }
  return aligned.finish();
}

/** What takes the place of a match comes from where the last character of the match did. */
export function replaceMatches(source: AlignedText, pattern: RegExp, content: string): AlignedText {
  const { text, starts, ends } = source;
  const aligned = startText();
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

/** What is put before a text comes from where its first character did. Before nothing, nothing is put. */
export function prepend(source: AlignedText, prefix: string): AlignedText {
  const { text, starts, ends } = source;
  if (text === '') return source;
  const before = <T>(value: T, values: readonly T[]) => [...Array.from(prefix, () => value), ...values];
  return { text: prefix + text, starts: before(starts[0] ?? 0, starts), ends: before(ends[0] ?? 0, ends) };
}
