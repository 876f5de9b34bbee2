/** The form of each request, and the question that it asks a pipeline. Defaults are filled in here. No I/O. */
import type * as v from 'valibot';

import { DEFAULT_NUM_BEAMS, DEFAULT_TOP_K, MAX_ANSWER_BYTES } from '../limits.ts';
import type { FillMaskQuestion, ScoreQuestion, SentenceQuestion } from '../schemas/questions.ts';
import type { RequestForm } from './parse-request.ts';
import { fillMaskParameters, fillMaskRequest } from '../schemas/fill-mask.ts';
import { scoreParameters, scoreRequest } from '../schemas/score.ts';
import { type SentenceHead, type SentenceRequest, sentenceRequest } from '../schemas/sentence.ts';
import { tokenizeRequest } from '../schemas/tokenize.ts';

export const FILL_MASK = form(
  fillMaskRequest,
  '{"inputs": "Paris is the [MASK] of France."}',
  Object.keys(fillMaskParameters.entries),
);
export const SCORE = form(scoreRequest, '{"inputs": "The dog barks."}', Object.keys(scoreParameters.entries));
export const SENTENCES = form(sentenceRequest, '{"inputs": {"text": "It rained.", "text_pair": "She got wet."}}');
export const TOKENIZE = form(tokenizeRequest, '{"inputs": "The dog barks."}');

function form<S extends v.GenericSchema>(schema: S, example: string, parameters: string[] = []): RequestForm<S> {
  return { schema, example, parameters };
}

export function toFillMaskQuestion(
  { inputs, parameters }: v.InferOutput<typeof fillMaskRequest>,
  max_answer_bytes = MAX_ANSWER_BYTES,
): FillMaskQuestion {
  const given = parameters ?? {};
  const targets = typeof given.targets === 'string' ? [given.targets] : (given.targets ?? undefined);
  const top_k = given.top_k ?? targets?.length ?? DEFAULT_TOP_K;
  const strategy = given.strategy ?? 'independent';
  const searched = strategy === 'joint' ? Math.max(top_k, DEFAULT_NUM_BEAMS) : DEFAULT_NUM_BEAMS;
  const num_beams = given.num_beams ?? (strategy === 'joint' || given.whole_words ? searched : undefined);
  return {
    ...toTexts(inputs),
    top_k,
    ...(targets && { targets }),
    strategy,
    ...(given.filter && { filter: given.filter }),
    ...(given.whole_words && { whole_words: true }),
    ...(num_beams !== undefined && { num_beams }),
    return_offsets: given.return_offsets ?? false,
    truncation: given.truncation ?? false,
    max_answer_bytes,
  };
}

export function toScoreQuestion({ inputs, parameters }: v.InferOutput<typeof scoreRequest>): ScoreQuestion {
  return { ...toTexts(inputs), metric: parameters?.metric ?? 'within_word_l2r' };
}

export function toSentenceQuestion<Head extends SentenceHead>(
  head: Head,
  { inputs }: SentenceRequest,
): SentenceQuestion<Head> {
  return { head, pairs: Array.isArray(inputs) ? inputs : [inputs], isList: Array.isArray(inputs) };
}

export function toTexts(inputs: string | readonly string[]): { texts: readonly string[]; isList: boolean } {
  return typeof inputs === 'string' ? { texts: [inputs], isList: false } : { texts: inputs, isList: true };
}
