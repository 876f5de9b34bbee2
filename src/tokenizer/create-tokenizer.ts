/** A tokenizer from a `tokenizer.bin`, with the ids and offsets of `tokenizers` 0.23. No I/O. */
import * as v from 'valibot';

import { createAddedTokens } from './added-tokens.ts';
import { type AlignedText, alignText, sliceText } from './aligned-text.ts';
import { createDecoder } from './decoders/create-decoder.ts';
import { encodeMasked, toTokenizedText } from './encode-masked.ts';
import { createModel } from './models/create-model.ts';
import { createNormalizer } from './normalizers/create-normalizer.ts';
import { createPostProcessor, type Segment, type Token } from './post-processors/create-post-processor.ts';
import { createPreTokenizer } from './pre-tokenizers/create-pre-tokenizer.ts';
import type { SpecialTokens, Tokenizer } from './tokenizer.ts';
import { readComponent } from './tokenizer-json.ts';
import { isWhitespace } from './unicode.ts';
import { readTokenizerFile } from './vocabulary/format.ts';

const FILE = v.object({
  added_tokens: v.optional(v.unknown()),
  normalizer: v.optional(v.unknown()),
  pre_tokenizer: v.optional(v.unknown()),
  post_processor: v.optional(v.unknown()),
  decoder: v.optional(v.unknown()),
});

/**
 * @param bytes from `packTokenizer` (models/tokenizer/pack.ts); must not change afterwards
 * @param special the mask token and the unknown token of the model
 * @throws naming the field that is wrong or not supported
 */
export function createTokenizer(bytes: Uint8Array, special: SpecialTokens): Tokenizer {
  const tables = readTokenizerFile(bytes);
  const file = readComponent('', FILE, tables.json);
  const added = createAddedTokens(file.added_tokens, createNormalizer(file.normalizer, tables.charsmap));
  const preTokenize = createPreTokenizer(file.pre_tokenizer);
  const model = createModel(tables);
  const postProcess = createPostProcessor(file.post_processor);
  const decode = createDecoder(file.decoder);

  /** Without special tokens. Of a word that begins before `from` (in code units), only the rest is tokenized. */
  function tokenize(text: AlignedText, from: number, type_id = 0): Token[] {
    const tokens: Token[] = [];
    const put = (id: number, { text: whole, starts, ends }: AlignedText, first: number, end: number) => {
      const value = whole.slice(first, end);
      tokens.push({ id, value, start: starts[first] ?? 0, end: ends[end - 1] ?? 0, type_id });
    };
    for (const { text: section, token } of added.extract(text)) {
      const { length } = section.text;
      if (token) {
        if ((section.starts[0] ?? 0) >= from) put(token.id, section, 0, length);
        continue;
      }
      for (const word of preTokenize(section)) {
        const first = word.starts.findIndex((start) => start >= from);
        if (first < 0) continue;
        const rest = first === 0 ? word : sliceText(word, first, word.text.length);
        for (const { id, from: begin, to } of model.tokenize(rest.text, first > 0)) {
          put(id, rest, begin, to);
        }
      }
    }
    return tokens;
  }

  const segmentOf = (text: string, type_id: number): Segment => ({
    tokens: tokenize(alignText(text), 0, type_id),
    text,
  });
  const pieceOf = (id: number) => added.contents.get(id) ?? model.pieceOf(id);
  /** Some models pad their vocabulary to a round size: the ids beyond the pieces have no text. */
  const isPiece = (id: number) => pieceOf(id) !== undefined;
  const piecesOf = (ids: readonly number[]) => ids.flatMap((id) => pieceOf(id) ?? []);

  return {
    unk_id: special.unk.id,
    encode: (masked) => encodeMasked(masked, special.mask, (text) => postProcess([segmentOf(text, 0)])),
    encodePair: (text, pair) => toTokenizedText(postProcess([segmentOf(text, 0), segmentOf(pair, 1)])),

    encodeTarget(target, before) {
      const isWithin = before !== '' && !isWhitespace(before);
      const text = alignText((isWithin ? before : before && ' ') + target.trim());
      return tokenize(text, isWithin ? before.length : 0).map(({ id }) => id);
    },

    piece: (id) => pieceOf(id) ?? '',
    decode: (ids) => decode(piecesOf(ids)),

    fill(ids) {
      const [first, ...others] = ids.filter(isPiece);
      if (first === undefined) return '';
      return decode([added.contents.get(first) ?? model.unmark(pieceOf(first) ?? ''), ...piecesOf(others)]);
    },

    continuesWord(id) {
      const piece = added.contents.has(id) ? undefined : model.pieceOf(id);
      return piece !== undefined && model.continues(piece, decode([piece]));
    },
  };
}
