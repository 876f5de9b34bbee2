/** Cached candidates to the candidates of a response: put into the text as it was sent. No I/O. */
import type { Encoding } from '../inference/backend.ts';
import type { Candidates } from '../predict/answers.ts';
import type { Prediction } from '../schemas/fill-mask.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { fillAll, fillIn, type MaskedText } from '../tokenizer/masks.ts';
import { offsetsIn } from '../tokenizer/offsets.ts';
import type { CutEncoding } from '../tokenizer/truncation.ts';

/** Makes a list when it is written, since all sequences of an answer may be too large to hold at once. */
export type LazyPredictions = () => Prediction[];

/** @returns (masks,) lists of `top_k` predictions, or one list of combinations */
export function presentCandidates(
  candidates: Candidates,
  text: MaskedText,
  encoding: Encoding | CutEncoding,
  { strategy, return_offsets }: Pick<FillMaskQuestion, 'strategy' | 'return_offsets'>,
): LazyPredictions[] {
  const isJoint = strategy === 'joint';
  const toOffsets = offsetsIn(return_offsets ? text.text : '');
  const places = return_offsets ? text.masks.map(({ start, end }) => toOffsets(start, end)) : [];
  return candidates.map((list, m) => {
    const place = isJoint ? places : places[m];
    return () =>
      list.map(({ score, token, token_str, token_ids, token_strs, fills, joins }) => ({
        score,
        token,
        token_str,
        sequence: isJoint ? fillAll(text, fills, joins) : fillIn(text, m, fills[0] ?? '', joins?.[0]),
        ...(token_ids && { token_ids }),
        ...(token_strs && { token_strs }),
        ...(return_offsets && place && { offsets: place }),
        ...('truncated' in encoding && { truncated: encoding.truncated }),
      }));
  });
}
