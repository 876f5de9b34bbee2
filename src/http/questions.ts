/** What each route takes, and what a pipeline is asked by it: defaults are filled in here. No I/O. */
import type * as v from 'valibot';

import type { Question } from '../fill-mask.ts';
import { DEFAULT_TOP_K } from '../limits.ts';
import type { ScoreQuestion } from '../score.ts';
import type { SentenceQuestion } from '../sentence.ts';
import type { RequestForm } from './request.ts';
import { fillMaskParameters, fillMaskRequest } from './schemas/fill-mask.ts';
import { scoreParameters, scoreRequest } from './schemas/score.ts';
import { type SentenceHead, type SentenceRequest, sentenceRequest } from './schemas/sentence.ts';
import { tokenizeRequest } from './schemas/tokenize.ts';

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

export function toQuestion({ inputs, parameters }: v.InferOutput<typeof fillMaskRequest>): Question {
  const given = parameters ?? {};
  const targets = typeof given.targets === 'string' ? [given.targets] : (given.targets ?? undefined);
  const top_k = given.top_k ?? targets?.length ?? DEFAULT_TOP_K;
  return {
    ...listed(inputs),
    top_k,
    ...(targets && { targets }),
    strategy: given.strategy ?? 'independent',
    ...(given.beams !== undefined && { beams: given.beams }),
    offsets: given.offsets ?? false,
    truncation: given.truncation ?? false,
  };
}

export function toScoreQuestion({ inputs, parameters }: v.InferOutput<typeof scoreRequest>): ScoreQuestion {
  return { ...listed(inputs), metric: parameters?.metric ?? 'within_word_l2r' };
}

export function toSentenceQuestion<Head extends SentenceHead>(
  head: Head,
  { inputs }: SentenceRequest,
): SentenceQuestion<Head> {
  return { head, pairs: Array.isArray(inputs) ? inputs : [inputs], isList: Array.isArray(inputs) };
}

export function listed(inputs: string | readonly string[]): { texts: readonly string[]; isList: boolean } {
  return typeof inputs === 'string' ? { texts: [inputs], isList: false } : { texts: inputs, isList: true };
}
