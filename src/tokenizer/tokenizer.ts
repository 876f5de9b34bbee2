/**
 * Text to ids and ids to text by a model's own `tokenizer.json`, with the ids and offsets of `tokenizers` 0.23. No I/O.
 */
import * as v from 'valibot';

import type { Encoding } from '../inference/backend.ts';
import type { Manifest } from '../model/manifest.ts';
import { createAddedTokens } from './added-tokens.ts';
import { type AlignedText, alignText, sliceText } from './aligned-text.ts';
import { createBpe } from './bpe.ts';
import { MODEL, readComponent } from './components.ts';
import { createDecoder } from './decoders.ts';
import { type MaskedText, spellMasks } from './masks.ts';
import type { Model } from './model.ts';
import { createNormalizer } from './normalizers.ts';
import { createPostProcessor, type Segment, type Token } from './post-processors.ts';
import { createPreTokenizer } from './pre-tokenizers.ts';
import { isBlank } from './unicode.ts';
import { createUnigramModel } from './unigram-model.ts';
import { createWordPiece } from './wordpiece.ts';

/** Of what is made of a text. Whoever changes the ids or pieces of any text changes this: encodings are remembered by it. */
export const TOKENIZER_VERSION = 1;

export interface TokenizedText extends Encoding {
  /**
   * (sequence, 2) row-major: where each token begins and ends in the text as it was sent, in UTF-16 code units; 0 and 0
   * for those at both ends.
   */
  readonly offsets: Int32Array;
}

export interface Tokenizer {
  /**
   * The whole text with special tokens, however long it is.
   * @throws when the model does not see as many masks as were found in the text: a fault of its tokenizer file
   */
  encode(masked: MaskedText): TokenizedText;
  /**
   * Two texts as the two segments of one, however long they are. A mask in them is a token as any other: there are no
   * `masked_positions`. The offsets of each segment count in its own text.
   * @throws when the tokenizer file does not say how two texts are put together
   */
  encodePair(text: string, pair: string): TokenizedText;
  /**
   * The ids of a word as it stands behind a character: one within a word has other pieces than one after a blank.
   * @param before nothing at the beginning of a text
   */
  encodeTarget(target: string, before: string): number[];
  /** The text of ids, as `transformers` decodes them by themselves; nothing for those that the vocabulary lacks. */
  decode(ids: readonly number[]): string;
  /** The text of ids as they stand together within a text: without the sign that the first goes on within a word. */
  fill(ids: readonly number[]): string;
  /** One id as the vocabulary has it; nothing for one that it lacks. */
  piece(id: number): string;
  /** Whether a piece goes on within a word. A mark of punctuation is a word of its own, and so is an added token. */
  continuesWord(id: number): boolean;
  readonly unk_id: number;
}

const FILE = v.object({
  added_tokens: v.optional(v.unknown()),
  normalizer: v.optional(v.unknown()),
  pre_tokenizer: v.optional(v.unknown()),
  model: v.record(v.string(), v.unknown()),
  post_processor: v.optional(v.unknown()),
  decoder: v.optional(v.unknown()),
});

/**
 * @param json the parsed `tokenizer.json`
 * @throws naming what in it there is no code for, and what there is
 */
export function createTokenizer(
  json: object,
  { special_tokens: special }: Pick<Manifest, 'special_tokens'>,
): Tokenizer {
  const file = readComponent('', FILE, json);
  const added = createAddedTokens(file.added_tokens, createNormalizer(file.normalizer));
  const preTokenize = createPreTokenizer(file.pre_tokenizer);
  const model = createModel(file.model);
  const postProcess = createPostProcessor(file.post_processor);
  const decode = createDecoder(file.decoder);

  /** Without special tokens. Of a word that begins before `from`, in code units, only the rest is looked at. */
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
  /** Some models have more rows than there are pieces, to fill up a multiple of something: those are nothing. */
  const isPiece = (id: number) => pieceOf(id) !== undefined;
  const piecesOf = (ids: readonly number[]) => ids.flatMap((id) => pieceOf(id) ?? []);

  return {
    unk_id: special.unk.id,
    encode: (masked) => encodeMasked(masked, special.mask, (text) => postProcess([segmentOf(text, 0)])),
    encodePair: (text, pair) => arrange(postProcess([segmentOf(text, 0), segmentOf(pair, 1)])),

    encodeTarget(target, before) {
      const isWithin = before !== '' && !isBlank(before);
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

function createModel(json: Record<string, unknown>): Model {
  // Older files do not say it.
  const implied = 'merges' in json ? 'BPE' : Array.isArray(json['vocab']) ? 'Unigram' : 'WordPiece';
  const model = readComponent('model', MODEL, { type: implied, ...json });
  switch (model.type) {
    case 'WordPiece':
      return createWordPiece(model);
    case 'BPE':
      return createBpe(model);
    case 'Unigram':
      return createUnigramModel(model);
  }
}

/**
 * @param tokenize gives the tokens of a text in which the masks are spelled as the model has them
 * @throws as `Tokenizer.encode`
 */
export function encodeMasked(
  masked: MaskedText,
  mask: { readonly id: number; readonly token: string },
  tokenize: (text: string) => readonly Omit<Token, 'value'>[],
): TokenizedText {
  const { text, sentAt } = spellMasks(masked, mask.token);
  const tokens = tokenize(text);
  // What only normalizes to a mask is read as one, but nobody has asked for it.
  const isMask = ({ id, start, end }: (typeof tokens)[number]) =>
    id === mask.id && text.slice(start, end).includes(mask.token);
  const masked_positions = tokens.flatMap((token, position) => (isMask(token) ? [position] : []));
  if (masked_positions.length !== masked.masks.length) {
    throw new Error(`the tokenizer sees ${masked_positions.length} masks where the text has ${masked.masks.length}`);
  }
  return arrange(tokens, masked_positions, sentAt);
}

/**
 * Tokens with the special ones among them, as a model reads them.
 * @param sentAt where a place in the text that they come from is in the text as it was sent
 */
export function arrange(
  tokens: readonly Omit<Token, 'value'>[],
  masked_positions: readonly number[] = [],
  sentAt = (position: number) => position,
): TokenizedText {
  return {
    input_ids: Int32Array.from(tokens, ({ id }) => id),
    token_type_ids: Int32Array.from(tokens, ({ type_id }) => type_id),
    masked_positions: Int32Array.from(masked_positions),
    offsets: Int32Array.from(tokens.flatMap(({ start, end }) => [sentAt(start), sentAt(end)])),
  };
}
