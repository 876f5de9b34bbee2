/** Cached candidates to the candidates of a response: put into the text as it was sent. No I/O. */
import type { Encoding } from '../inference/backend.ts';
import { CANDIDATE_BYTES, FURTHER_PIECE_BYTES, STREAM_PART_BYTES } from '../limits.ts';
import type { Candidates } from '../predict/answers.ts';
import type { Prediction } from '../schemas/fill-mask.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { fillAll, fillIn, type MaskedText } from '../tokenizer/masks.ts';
import { offsetsIn } from '../tokenizer/offsets.ts';
import type { CutEncoding } from '../tokenizer/truncation.ts';
import { MAX_ESCAPED_BYTES } from './check-texts.ts';

/** Made when they are written: a short list at once, and a long one candidate by candidate, since each repeats its text. */
type LazyPredictions = (() => Prediction[]) | readonly (() => Prediction)[];

export interface PresentedText {
  /** (masks,) lists of `top_k` predictions, or one list of combinations. */
  readonly lists: LazyPredictions[];
  /** What all of them are made of, without the text. */
  readonly bytes: number;
}

export function presentCandidates(
  candidates: Candidates,
  text: MaskedText,
  encoding: Encoding | CutEncoding,
  { strategy, return_offsets }: Pick<FillMaskQuestion, 'strategy' | 'return_offsets'>,
): PresentedText {
  const isJoint = strategy === 'joint';
  const toOffsets = offsetsIn(return_offsets ? text.text : '');
  const places = return_offsets ? text.masks.map(({ start, end }) => toOffsets(start, end)) : [];
  const truncated = 'truncated' in encoding ? { truncated: encoding.truncated } : {};
  let bytes = 0;
  const lists = candidates.map((list, m): LazyPredictions => {
    const place = isJoint ? places : places[m];
    const present = ({
      score,
      token,
      token_str,
      token_ids,
      token_strs,
      target,
      fills,
      joins,
    }: Candidates[number][number]): Prediction => ({
      score,
      token,
      token_str,
      sequence: isJoint ? fillAll(text, fills, joins) : fillIn(text, m, fills[0] ?? '', joins?.[0]),
      ...(token_ids && { token_ids }),
      ...(token_strs && { token_strs }),
      ...(target !== undefined && { target }),
      ...(return_offsets && place && { offsets: place }),
      ...truncated,
    });
    for (const { token_ids, target = '' } of list) {
      bytes +=
        CANDIDATE_BYTES + FURTHER_PIECE_BYTES * ((token_ids?.length ?? 1) - 1) + MAX_ESCAPED_BYTES * target.length;
    }
    const isShort = MAX_ESCAPED_BYTES * text.text.length * list.length < STREAM_PART_BYTES;
    return isShort ? () => list.map(present) : list.map((candidate) => () => present(candidate));
  });
  return { lists, bytes };
}
