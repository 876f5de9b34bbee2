/** Pairs of texts and lists of ids, as test/fixtures/record/families.py records them of a checkpoint. No I/O. */
import type { Backend, Encoding } from '../../../src/inference/backend.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

export interface RecordedPair {
  readonly text: string;
  readonly text_pair: string;
  readonly input_ids: number[];
  readonly token_type_ids: number[];
  /** In code points of the text that a token is of. */
  readonly offsets: number[][];
  /** Where the model has such a head. */
  readonly sentence_logits?: number[];
}

export interface RecordedList {
  readonly ids: number[];
  readonly text: string;
}

/** What a tokenizer of ours makes of a pair, in the same form. */
export function readPair(
  tokenizer: Tokenizer,
  { text, text_pair }: RecordedPair,
): Omit<RecordedPair, 'sentence_logits'> {
  const { input_ids, token_type_ids, offsets } = tokenizer.encodePair(text, text_pair);
  // All but the special token that ends a second text.
  const first = tokenizer.encodePair(text, '').input_ids.length - 1;
  const points = (i: number, unit: number) => Array.from((i < first ? text : text_pair).slice(0, unit)).length;
  return {
    text,
    text_pair,
    input_ids: [...input_ids],
    token_type_ids: [...token_type_ids],
    offsets: Array.from(input_ids, (_, i) => [...offsets.subarray(2 * i, 2 * i + 2)].map((unit) => points(i, unit))),
  };
}

/** A pair as a model reads it that is only asked about sentences. */
export const encodingOf = ({ input_ids, token_type_ids }: RecordedPair): Encoding => ({
  input_ids: Int32Array.from(input_ids),
  token_type_ids: Int32Array.from(token_type_ids),
  masked_positions: new Int32Array(),
});

/**
 * The largest difference from the sentence logits that were recorded.
 * @returns and of the pairs that are told by a clear lead, the share that is told the same way
 */
export async function compareSentences(pairs: readonly RecordedPair[], backend: Backend, clear_lead: number) {
  const answers = await backend.run(pairs.map(encodingOf));
  let difference = 0;
  const told = { same: 0, of: 0 };
  for (const [i, { sentence_logits = [] }] of pairs.entries()) {
    const [yes = NaN, no = NaN] = answers[i]?.sentence ?? [];
    const [expectedYes = NaN, expectedNo = NaN] = sentence_logits;
    difference = Math.max(difference, Math.abs(yes - expectedYes), Math.abs(no - expectedNo));
    if (Math.abs(expectedYes - expectedNo) < clear_lead) continue;
    told.of++;
    if (yes > no === expectedYes > expectedNo) told.same++;
  }
  return { difference, ...told };
}
