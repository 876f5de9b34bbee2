/** Finds the `added_tokens` of a `tokenizer.json` in a text, before the model tokenizes the rest. No I/O. */
import { type AlignedText, alignText, sliceText } from './aligned-text.ts';
import { escapePattern } from './escape-pattern.ts';
import { ADDED_TOKENS, type AddedToken, readComponent } from './tokenizer-json.ts';
import type { Normalizer } from './normalizers/create-normalizer.ts';
import { isWhitespace, isWordCharacter } from './unicode.ts';

/** A part of a text, with the added token if it is one. */
interface Section {
  readonly text: AlignedText;
  readonly token?: AddedToken;
}

export interface AddedTokens {
  /** The text of each token, as the decoder gets it. */
  readonly contents: ReadonlyMap<number, string>;
  /** Finds the tokens that are not normalized, normalizes the rest, and finds the other tokens in that. */
  extract(text: AlignedText): Section[];
}

/** @throws naming the field that is wrong */
export function createAddedTokens(json: unknown, normalize: Normalizer): AddedTokens {
  const asWritten = new Map<string, AddedToken>();
  const normalized = new Map<string, AddedToken>();
  const contents = new Map<number, string>();
  for (const token of readComponent('added_tokens', ADDED_TOKENS, json ?? [])) {
    const content = token.normalized ? normalize(alignText(token.content)).text : token.content;
    (token.normalized ? normalized : asWritten).set(content, token);
    contents.set(token.id, content);
  }
  const findAsWritten = createFinder(asWritten);
  const findNormalized = createFinder(normalized);
  return {
    contents,
    extract: (text) =>
      findAsWritten(text).flatMap((section) => (section.token ? section : findNormalized(normalize(section.text)))),
  };
}

/**
 * Of the tokens that begin at the same place, the longest is found.
 * @param known the tokens by their text
 */
function createFinder(known: ReadonlyMap<string, AddedToken>): (text: AlignedText) => Section[] {
  const longestFirst = Array.from(known.keys()).toSorted((a, b) => b.length - a.length);
  if (longestFirst.length === 0) return (text) => [{ text }];
  const pattern = new RegExp(longestFirst.map(escapePattern).join('|'), 'gu');

  return (source) => {
    const { text } = source;
    const sections: Section[] = [];
    let from = 0;
    const putPlain = (to: number) => {
      if (from < to) sections.push({ text: sliceText(source, from, to) });
    };
    for (const { 0: match, index } of text.matchAll(pattern)) {
      const token = known.get(match);
      let start = index;
      let end = index + match.length;
      if (!token || (token.single_word && !standsAlone(text, start, end))) continue;
      if (token.lstrip) while (start > from && isWhitespace(text.charAt(start - 1))) start--;
      if (token.rstrip) while (isWhitespace(text.charAt(end))) end++;
      putPlain(start);
      sections.push({ text: sliceText(source, start, end), token });
      from = end;
    }
    putPlain(text.length);
    return sections;
  };
}

function standsAlone(text: string, start: number, end: number): boolean {
  const [before] = Array.from(text.slice(Math.max(0, start - 2), start)).toReversed();
  const [after] = Array.from(text.slice(end, end + 2));
  return ![before, after].some((character) => character !== undefined && isWordCharacter(character));
}
