/** A tokenizer from a `tokenizer.bin`, with the ids and offsets of `tokenizers` 0.23. No I/O. */
import * as v from 'valibot';

import { createAddedTokens } from './added-tokens.ts';
import { type AlignedText, alignText, withoutOrigins } from './aligned-text.ts';
import { createDecoder } from './decoders/create-decoder.ts';
import { encodeMasked, toEncoding, toOffsets } from './encode-masked.ts';
import type { MaskedText } from './masks.ts';
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
import { NONE } from './vocabulary/vocabulary.ts';
import { findBeginnings, PART } from './words.ts';

const FILE = v.object({
  added_tokens: v.optional(v.unknown()),
  normalizer: v.optional(v.unknown()),
  pre_tokenizer: v.optional(v.unknown()),
  post_processor: v.optional(v.unknown()),
  decoder: v.optional(v.unknown()),
});

/** How a text is tokenized. */
interface Reading {
  /** In code units: of a word that begins before it, only the rest is tokenized. */
  readonly from: number;
  readonly type_id: number;
  /** Without origins, it takes about half the time. */
  readonly hasOrigins: boolean;
  /** Whether a token with the id of the mask is one, by the text that it comes from. */
  readonly isMask: (origin: string) => boolean;
}

/**
 * @param bytes from `packTokenizer` (models/tokenizer/pack.ts); must not change afterwards
 * @param special the mask token and the unknown token of the model
 * @throws naming the field that is wrong or not supported
 */
export function createTokenizer(bytes: Uint8Array, special: SpecialTokens): Tokenizer {
  const tables = readTokenizerFile(bytes);
  const file = readComponent('', FILE, tables.json);
  const added = createAddedTokens(file.added_tokens, createNormalizer(file.normalizer, tables.charsmap));
  const preTokenizer = createPreTokenizer(file.pre_tokenizer);
  const model = createModel(tables);
  const postProcessor = createPostProcessor(file.post_processor);
  const decode = createDecoder(file.decoder);

  /**
   * Without special tokens. A text is never cut before: how many tokens it has is part of the answer, and neither normalizers nor
   * the words of every kind of tokenizer end at a place that can be told beforehand.
   */
  function tokenize(
    text: string,
    { from = 0, type_id = 0, hasOrigins = true, isMask = () => false }: Partial<Reading> = {},
  ): Tokens {
    const trims = hasOrigins && postProcessor.trims;
    const ids: number[] = [];
    const masks: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const leading: number[] = [];
    const trailing: number[] = [];
    const words: number[] = [];
    const put = (id: number, { text: whole, starts: first, ends: last }: AlignedText, begin: number, end: number) => {
      const [start, stop] = [first[begin] ?? 0, last[end - 1] ?? 0];
      if (id === special.mask.id && isMask(text.slice(start, stop))) masks.push(ids.length);
      ids.push(id);
      if (!hasOrigins) return;
      starts.push(start);
      ends.push(stop);
      if (!trims) return;
      leading.push(leadingBlanks(whole, begin, end));
      trailing.push(trailingBlanks(whole, begin, end));
    };
    /** Some sections need origins all the same, to tell the masks in them, or how their first word begins. */
    const keep = (section: AlignedText) =>
      hasOrigins || isMask(section.text) || (preTokenizer.readsStart && section.starts[0] === 0)
        ? section
        : withoutOrigins(section);
    for (const { text: section, token } of added.extract(alignText(text), keep)) {
      if (token) {
        if (hasOrigins) words.push(ids.length);
        if ((section.starts[0] ?? 0) >= from) put(token.id, section, 0, section.text.length);
        continue;
      }
      const { text: split, bounds } = preTokenizer.split(section);
      for (let w = 0; w < bounds.length; w += 2) {
        const [begin = 0, end = 0] = [bounds[w], bounds[w + 1]];
        let first = begin;
        while (first < end && (split.starts[first] ?? 0) < from) first++;
        if (first === end) continue;
        if (hasOrigins) words.push(ids.length);
        model.tokenize(split.text.slice(first, end), first > begin, (id, at, to) =>
          put(id, split, first + at, first + to),
        );
      }
    }
    return { ids, masks, starts, ends, leading, trailing, words, type_id };
  }

  const segmentOf = (text: string, reading: Partial<Reading>): Segment => ({ parts: [tokenize(text, reading)], text });
  const { token: mask } = special.mask;
  /** A text that becomes a mask only by normalization is not one of the masks of the request. */
  const isMask = (text: string) => text.includes(mask);
  const encodeMasks = (masked: MaskedText, hasOrigins: boolean) =>
    encodeMasked(masked, special.mask, (text) => postProcessor.process([segmentOf(text, { hasOrigins, isMask })]));
  const pieceOf = (id: number) => added.contents.get(id) ?? model.pieceOf(id);
  /** Some models pad their vocabulary to a round size: the ids beyond the pieces have no text. */
  const isPiece = (id: number) => pieceOf(id) !== undefined;
  const piecesOf = (ids: readonly number[]) => ids.flatMap((id) => pieceOf(id) ?? []);

  function fill(ids: readonly number[]): string {
    const [first, ...others] = ids.filter(isPiece);
    if (first === undefined) return '';
    return decode([added.contents.get(first) ?? model.unmark(pieceOf(first) ?? ''), ...piecesOf(others)]);
  }

  /**
   * Whether a word that is spelled like a piece means the piece, since its text is another one: with a sign such as `##` or `Ġ`,
   * or with the visible characters of bytes. A single letter, such as é, is also the spelling of one byte, and means the letter.
   */
  function isSpelling(word: string, id: number): boolean {
    const text = fill([id]);
    return text !== word && (word.length > 1 || text !== PART);
  }

  const continuesWord = (id: number) => {
    const piece = added.contents.has(id) ? undefined : model.pieceOf(id);
    return piece !== undefined && model.continues(piece, decode([piece]));
  };
  const reading = { continuesWord, decode: (id: number) => decode(piecesOf([id])), isByWords: preTokenizer.isByWords };

  return {
    unk_id: special.unk.id,
    encode(masked) {
      const { parts, encoding, sentAt } = encodeMasks(masked, true);
      return { ...encoding, offsets: toOffsets(parts, sentAt) };
    },

    encodeIds: (masked) => encodeMasks(masked, false).encoding,

    encodeWords(text) {
      const { parts, encoding } = encodeMasks({ text, masks: [] }, true);
      const worded = { ...encoding, offsets: toOffsets(parts) };
      return { ...worded, begins: findBeginnings(worded, text, parts, reading) };
    },

    encodePair(text, pair) {
      const parts = postProcessor.process([segmentOf(text, { type_id: 0 }), segmentOf(pair, { type_id: 1 })]);
      return { ...toEncoding(parts), offsets: toOffsets(parts) };
    },

    encodeTarget(target, before) {
      const word = target.trim();
      const id = model.idOf(word);
      if (id !== NONE && isSpelling(word, id)) return [id];
      const isWithin = before !== '' && !isWhitespace(before);
      const text = (isWithin ? before : before && ' ') + word;
      return [...tokenize(text, { from: isWithin ? before.length : 0 }).ids];
    },

    piece: (id) => pieceOf(id) ?? '',
    decode: (ids) => decode(piecesOf(ids)),

    fill,

    continuesWord,
  };
}
