/**
 * A tokenizer from the packed form of a unigram tokenizer (format.ts). Loading it only checks a header. It gives the ids and
 * offsets of `tokenizers` 0.23. No I/O.
 */
import { normalize } from './normalize.ts';
import type { Token } from '../post-processors/create-post-processor.ts';
import { segment } from './segment.ts';
import { encodeMasked, toTokenizedText } from '../encode-masked.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { isWhitespace } from '../unicode.ts';
import { entryOf, readUnigram } from './format.ts';
import { METASPACE, continuesWord } from '../words.ts';

/** The text of each special token, by the header field that has its id. */
export const SPECIAL = {
  pad_id: '<pad>',
  unk_id: '<unk>',
  cls_id: '[CLS]',
  sep_id: '[SEP]',
  mask_id: '[MASK]',
} as const;

const endOf = (id: number, type_id: number) => ({ id, start: 0, end: 0, type_id });

/**
 * @param bytes from `packUnigram` (models/tokenizer/unigram.ts); must not change afterwards
 * @throws naming the field that is wrong
 */
export function createUnigramTokenizer(bytes: Uint8Array): Tokenizer {
  const { header, vocabulary, characters, piece_offsets, pieces } = readUnigram(bytes);
  const { cls_id, sep_id, mask_id, unk_id } = header;
  const special = Object.entries(SPECIAL).map(([field, token]) => ({
    token,
    id: header[field as keyof typeof SPECIAL],
  }));
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

  /** Without the special tokens at the ends. */
  function tokenize(text: string, type_id = 0): Omit<Token, 'value'>[] {
    const tokens: Omit<Token, 'value'>[] = [];
    const put = (id: number, start: number, end: number) => tokens.push({ id, start, end, type_id });
    let from = 0;
    const putPlain = (to: number) => {
      if (from === to) return;
      const { bytes: normalized, origins } = normalize(text, from, to, characters);
      for (const piece of segment(vocabulary, normalized)) {
        const last = origins[piece.to - 1] ?? 0;
        put(piece.id, origins[piece.from] ?? 0, last + ((text.codePointAt(last) ?? 0) > 0xffff ? 2 : 1));
      }
    };
    for (let at = 0; at < text.length; at++) {
      if (text[at] !== '<' && text[at] !== '[') continue;
      const found = special.find(({ token }) => text.startsWith(token, at));
      if (!found) continue;
      let to = at;
      // A mask includes the whitespace before it.
      if (found.id === mask_id) while (to > from && isWhitespace(text.charAt(to - 1))) to--;
      putPlain(to);
      from = at + found.token.length;
      put(found.id, to, from);
      at = from - 1;
    }
    putPlain(text.length);
    return tokens;
  }

  function textOf(id: number): string {
    if (!(id >= 0 && id < header.pieces)) throw new RangeError(`no piece ${id} in a vocabulary of ${header.pieces}`);
    return decoder.decode(entryOf(piece_offsets, pieces, id, 'piece_offsets_at'));
  }
  const decode = (ids: readonly number[]) =>
    ids.map((id, i) => textOf(id).replaceAll(METASPACE, i === 0 ? '' : ' ')).join('');
  const single = (text: string) => [endOf(cls_id, 0), ...tokenize(text), endOf(sep_id, 0)];
  return {
    unk_id,
    encode: (masked) => encodeMasked(masked, { id: mask_id, token: SPECIAL.mask_id }, single),
    encodePair: (text, pair) => toTokenizedText([...single(text), ...tokenize(pair, 1), endOf(sep_id, 1)]),

    encodeTarget(target, before) {
      // No space is put before a word that follows a mask, so this tokenizes a continuation.
      const isWithin = before !== '' && !isWhitespace(before);
      const ids = tokenize((isWithin ? SPECIAL.mask_id : before && ' ') + target.trim()).map(({ id }) => id);
      return isWithin ? ids.slice(1) : ids;
    },

    piece: textOf,
    decode,
    fill: decode,
    // A special token begins with a bracket, so it never continues a word.
    continuesWord: (id) => continuesWord(textOf(id), decode([id]), [METASPACE]),
  };
}
