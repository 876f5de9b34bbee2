/** A tokenizer from a `tokenizer.bin`, with the ids and offsets of `tokenizers` 0.23. No I/O. */
import * as v from 'valibot';

import { createAddedTokens } from './added-tokens.ts';
import { type AlignedText, alignText } from './aligned-text.ts';
import { createDecoder } from './decoders/create-decoder.ts';
import { encodeMasked, toTokenizedText } from './encode-masked.ts';
import { createModel } from './models/create-model.ts';
import { createNormalizer } from './normalizers/create-normalizer.ts';
import {
  createPostProcessor,
  leadingBlanks,
  type Segment,
  type Tokens,
  trailingBlanks,
} from './post-processors/create-post-processor.ts';
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
  const postProcessor = createPostProcessor(file.post_processor);
  const decode = createDecoder(file.decoder);

  /** Without special tokens. Of a word that begins before `from` (in code units), only the rest is tokenized. */
  function tokenize(text: AlignedText, from: number, type_id = 0): Tokens {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const leading: number[] = [];
    const trailing: number[] = [];
    const put = (id: number, { text: whole, starts: first, ends: last }: AlignedText, begin: number, end: number) => {
      ids.push(id);
      starts.push(first[begin] ?? 0);
      ends.push(last[end - 1] ?? 0);
      if (!postProcessor.trims) return;
      leading.push(leadingBlanks(whole, begin, end));
      trailing.push(trailingBlanks(whole, begin, end));
    };
    for (const { text: section, token } of added.extract(text)) {
      if (token) {
        if ((section.starts[0] ?? 0) >= from) put(token.id, section, 0, section.text.length);
        continue;
      }
      const { text: split, bounds } = preTokenize(section);
      for (let w = 0; w < bounds.length; w += 2) {
        const [begin = 0, end = 0] = [bounds[w], bounds[w + 1]];
        let first = begin;
        while (first < end && (split.starts[first] ?? 0) < from) first++;
        if (first === end) continue;
        model.tokenize(split.text.slice(first, end), first > begin, (id, at, to) =>
          put(id, split, first + at, first + to),
        );
      }
    }
    return { ids, starts, ends, leading, trailing, type_id };
  }

  const segmentOf = (text: string, type_id: number): Segment => ({
    parts: [tokenize(alignText(text), 0, type_id)],
    text,
  });
  const pieceOf = (id: number) => added.contents.get(id) ?? model.pieceOf(id);
  /** Some models pad their vocabulary to a round size: the ids beyond the pieces have no text. */
  const isPiece = (id: number) => pieceOf(id) !== undefined;
  const piecesOf = (ids: readonly number[]) => ids.flatMap((id) => pieceOf(id) ?? []);

  return {
    unk_id: special.unk.id,
    encode: (masked) => encodeMasked(masked, special.mask, (text) => postProcessor.process([segmentOf(text, 0)])),
    encodePair: (text, pair) => toTokenizedText(postProcessor.process([segmentOf(text, 0), segmentOf(pair, 1)])),

    encodeTarget(target, before) {
      const isWithin = before !== '' && !isWhitespace(before);
      const text = alignText((isWithin ? before : before && ' ') + target.trim());
      return [...tokenize(text, isWithin ? before.length : 0).ids];
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
