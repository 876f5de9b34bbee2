/** The items of an evaluation: minimal pairs, facts, and windows of running text with masked words. No I/O. */
import type { Encoding } from '../../src/inference/backend.ts';
import { characterBefore, findMasks } from '../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import type { FoundTokenizer } from '../tokenizer/files.ts';
import type { EvaluationData, Fact } from './data.ts';
import { sample, seeded } from './random.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

/** A text as ids, with the beginnings of its words. */
export interface Words {
  /** (sequence,) */
  readonly ids: Int32Array;
  /** (sequence,) 1 at the beginning of a word */
  readonly starts: Uint8Array;
}

export interface PairItem {
  readonly kind: 'pair';
  readonly set: string;
  /** With the special tokens at both ends. */
  readonly good: Words;
  readonly bad: Words;
}

export interface FactItem {
  readonly kind: 'fact';
  readonly encoding: Encoding;
  /** The id at its only mask. */
  readonly answer: number;
}

export interface WindowItem {
  readonly kind: 'window';
  readonly set: string;
  readonly encoding: Encoding;
  /** (masks,) the id that each mask replaces */
  readonly labels: Int32Array;
  /** (words,) the number of masks of each word, in the order of the masks */
  readonly words: Int32Array;
  /** Letters of all masked words, after normalization. */
  readonly characters: number;
}

export interface OrderItem {
  readonly kind: 'order';
  /** The two parts of a paragraph as two segments. */
  readonly encoding: Encoding;
  /** Whether the second part comes first. */
  readonly swapped: boolean;
}

export type Item = PairItem | FactItem | WindowItem | OrderItem;

const MASKED_SHARE = 0.15;
export const LENGTHS = [16, 64, 128, 256, 512] as const;
const WINDOW_TOKENS = 128;
const PAIRS_OF_EACH_SET = 50;
const FACTS = 2000;
const ORDERS = 1000;
/** Bounds of a paragraph for sentence order, with the special tokens. */
const ORDER_TOKENS = { least: 32, most: 128 };
const WINDOWS = 2000;
/** For accuracy by length: the same number of tokens for each. */
const TOKENS_OF_EACH_LENGTH = 1 << 16;
const SEED = 1;
/** The end of a sentence, as models/train/prepare.py finds it: not after an initial or a title. */
const SENTENCE_END = /(?<=[.!?]["')]?)(?<!\b(?:[A-Z]|Mr|Dr|St|Mrs|vs)\.)\s+(?=["'(]?[A-Z])/g;

export interface Items {
  readonly mask_id: number;
  readonly items: readonly Item[];
  /** The share of the facts whose answer is a single piece. */
  readonly singlePiece: { readonly facts: number; readonly of: number };
}

function divide(ids: Int32Array, continues: (position: number) => boolean): Words {
  const starts = Uint8Array.from(ids, (_, i) => (i <= 1 || i === ids.length - 1 || !continues(i) ? 1 : 0));
  return { ids, starts };
}

/**
 * @param positions the longest text for the model, in tokens
 * @param share size of the sample as a multiple of the usual one; Infinity for everything
 * @param order whether the model has a head for sentence order
 */
export function makeItems(
  data: EvaluationData,
  { packed, special_tokens }: FoundTokenizer,
  positions: number,
  { share, order }: { share: number; order: boolean },
): Items {
  const tokenizer = createTokenizer(packed, special_tokens);
  const random = seeded(SEED);
  const most = (count: number) => Math.ceil(share * count);
  const idsOf = (text: string) => tokenizer.encode({ text, masks: [] }).input_ids;
  /** As texts are scored by /score. */
  const encodeSentence = (text: string): Words => {
    const { input_ids, begins } = tokenizer.encodeWords(text);
    return divide(input_ids, (i) => begins[i] === 0);
  };
  /** As training masks whole words: a piece belongs to the word with the punctuation before it. */
  const encode = (text: string): Words => {
    const ids = idsOf(text);
    return divide(ids, (i) => tokenizer.continuesWord(ids[i]!));
  };

  const pairs: PairItem[] = [];
  for (const [set, all] of data.blimp) {
    for (const { good, bad } of sample(all, most(PAIRS_OF_EACH_SET), random)) {
      pairs.push({ kind: 'pair', set, good: encodeSentence(good), bad: encodeSentence(bad) });
    }
  }
  const facts = data.facts.flatMap((fact) => askFact(fact, tokenizer) ?? []);

  const running = (documents: EvaluationData['valid']) =>
    documents.map((paragraphs) => {
      const encoded = paragraphs.map(encode);
      return {
        ids: Int32Array.from(encoded.flatMap(({ ids }) => Array.from(ids.subarray(1, -1)))),
        starts: Uint8Array.from(encoded.flatMap(({ starts }) => Array.from(starts.subarray(1, -1)))),
      };
    });
  const frame = encode('').ids;
  const windows = (set: string, texts: readonly Words[], length: number, count: number) =>
    sample(cut(texts, length - 2), most(count), random).map((window) =>
      maskWords(set, window, frame, special_tokens.mask.id, tokenizer, random),
    );
  const [valid, wikitext] = [running(data.valid), running(data.wikitext)];
  const orders = order ? divided(data.valid).flatMap((parts) => askOrder(parts, tokenizer, random) ?? []) : [];
  return {
    mask_id: special_tokens.mask.id,
    items: [
      ...pairs,
      ...sample(facts, most(FACTS), random),
      ...windows('valid', valid, WINDOW_TOKENS, WINDOWS),
      ...windows('wikitext-2-raw', wikitext, WINDOW_TOKENS, WINDOWS),
      ...LENGTHS.filter((length) => length <= positions).flatMap((length) =>
        windows(String(length), valid, length, TOKENS_OF_EACH_LENGTH / length),
      ),
      ...sample(orders, most(ORDERS), random),
    ],
    singlePiece: { facts: facts.length, of: data.facts.length },
  };
}

/** Paragraphs of several sentences, each divided at the end of the sentence that is nearest to its middle. */
function divided(documents: EvaluationData['valid']): [first: string, second: string][] {
  return documents.flat().flatMap((paragraph) => {
    const ends = Array.from(paragraph.matchAll(SENTENCE_END), ({ index, 0: blank }) => ({
      index,
      next: index + blank.length,
    }));
    const far = ({ index }: { index: number }) => Math.abs(index - paragraph.length / 2);
    const [middle] = ends.toSorted((a, b) => far(a) - far(b));
    return middle ? [[paragraph.slice(0, middle.index), paragraph.slice(middle.next)] as [string, string]] : [];
  });
}

function askOrder(
  [first, second]: [string, string],
  tokenizer: Tokenizer,
  random: (below: number) => number,
): OrderItem | undefined {
  const swapped = random(2) === 1;
  const encoding = swapped ? tokenizer.encodePair(second, first) : tokenizer.encodePair(first, second);
  const tokens = encoding.input_ids.length;
  return tokens >= ORDER_TOKENS.least && tokens <= ORDER_TOKENS.most ? { kind: 'order', encoding, swapped } : undefined;
}

function askFact({ text, answer }: Fact, tokenizer: Tokenizer): FactItem | undefined {
  const masked = findMasks(text);
  const [id, ...more] = tokenizer.encodeTarget(answer, characterBefore(masked, 0));
  if (masked.masks.length !== 1 || id === undefined || more.length > 0 || id === tokenizer.unk_id) return undefined;
  return { kind: 'fact', encoding: tokenizer.encode(masked), answer: id };
}

/** Consecutive windows of `length` tokens, each at the beginning of a word and within one text. */
function cut(texts: readonly Words[], length: number): Words[] {
  const windows: Words[] = [];
  for (const { ids, starts } of texts) {
    for (let from = 0; from + length <= ids.length; from += length) {
      while (from < ids.length && !starts[from]) from++;
      if (from + length > ids.length) break;
      windows.push({ ids: ids.subarray(from, from + length), starts: starts.subarray(from, from + length) });
    }
  }
  return windows;
}

/** Masks random whole words of the window, up to the given share of its tokens. */
function maskWords(
  set: string,
  { ids, starts }: Words,
  frame: Int32Array,
  mask: number,
  tokenizer: Tokenizer,
  random: (below: number) => number,
): WindowItem {
  const begin = Array.from(starts.keys()).filter((i) => starts[i] || i === 0);
  const spans = begin.map((from, i) => ({ from, to: begin[i + 1] ?? ids.length }));
  const wanted = Math.max(1, Math.round(MASKED_SHARE * ids.length));
  const chosen: typeof spans = [];
  let masked = 0;
  // The last word may be incomplete, so it is never masked.
  for (const span of sample(spans.slice(0, -1), Infinity, random)) {
    if (masked >= wanted) break;
    chosen.push(span);
    masked += span.to - span.from;
  }
  chosen.sort((a, b) => a.from - b.from);

  const input_ids = Int32Array.of(frame[0]!, ...ids, frame.at(-1)!);
  const positions = chosen.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i));
  const labels = Int32Array.from(positions, (position) => ids[position]!);
  for (const position of positions) input_ids[position + 1] = mask;
  const encoding: Encoding = {
    input_ids,
    token_type_ids: new Int32Array(input_ids.length),
    masked_positions: Int32Array.from(positions, (position) => position + 1),
  };
  let characters = 0;
  for (const id of labels) characters += tokenizer.decode([id]).trim().length;
  return {
    kind: 'window',
    set,
    encoding,
    labels,
    words: Int32Array.from(chosen, ({ from, to }) => to - from),
    characters,
  };
}
