/** Finds the `added_tokens` of a `tokenizer.json` in a text, before the model tokenizes the rest. No I/O. */
import { type AlignedText, alignText, sliceText } from './aligned-text.ts';
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
  /**
   * Finds the tokens that are not normalized, normalizes the rest, and finds the other tokens in that.
   * @param keep returns a section as it is to be normalized, with or without origins
   */
  extract(text: AlignedText, keep?: (section: AlignedText) => AlignedText): Section[];
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
    extract(text, keep = (section) => section) {
      const made: number[] = [];
      return findAsWritten(text).flatMap((section) =>
        section.token ? section : findNormalized(normalize(keep(section.text), made)),
      );
    },
  };
}

/** A node of a trie: what follows a beginning of tokens, by code point. */
interface Node {
  readonly children: Map<number, Node>;
  token?: AddedToken;
}

function createTrie(known: ReadonlyMap<string, AddedToken>): Node {
  const root: Node = { children: new Map() };
  for (const [content, token] of known) {
    let node = root;
    for (const character of content) {
      const point = character.codePointAt(0) ?? 0;
      const child = node.children.get(point) ?? { children: new Map<number, Node>() };
      node.children.set(point, child);
      node = child;
    }
    node.token = token;
  }
  return root;
}

const widthOf = (point: number) => (point > 0xffff ? 2 : 1);

/**
 * Of the tokens that begin at the same place, the longest is found. The time does not depend on how many tokens there are.
 * @param known the tokens by their text
 */
function createFinder(known: ReadonlyMap<string, AddedToken>): (text: AlignedText) => Section[] {
  if (known.size === 0) return (text) => [{ text }];
  const root = createTrie(known);

  return (source) => {
    const { text } = source;
    const sections: Section[] = [];
    let from = 0;
    let blankTo = 0;
    const putPlain = (to: number) => {
      if (from < to) sections.push({ text: sliceText(source, from, to) });
    };
    for (let at = 0, next = 0; at < text.length; at = next) {
      let token: AddedToken | undefined;
      next = at + widthOf(text.codePointAt(at) ?? 0);
      for (let node: Node | undefined = root, to = at; to < text.length;) {
        const point: number = text.codePointAt(to) ?? 0;
        node = node.children.get(point);
        if (!node) break;
        to += widthOf(point);
        if (!node.token) continue;
        token = node.token;
        next = to;
      }
      if (!token || (token.single_word && !standsAlone(text, at, next))) continue;
      let start = at;
      let end = next;
      if (token.lstrip) while (start > from && isWhitespace(text.charAt(start - 1))) start--;
      if (token.rstrip) {
        // Blanks that a token before this one has taken are not read again.
        end = Math.max(end, blankTo);
        while (isWhitespace(text.charAt(end))) end++;
        blankTo = end;
      }
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
