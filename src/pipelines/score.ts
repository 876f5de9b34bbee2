/** The score pipeline: the pseudo-log-likelihood of whole texts, token by token. No HTTP, no globals. */
import { scoreKey } from '../cache/keys.ts';
import type { RequestError } from '../errors.ts';
import { MAX_TEXT_LENGTH } from '../limits.ts';
import { costModelOf } from '../model/cost.ts';
import type { LoadedModel } from '../model/loaded-model.ts';
import { admitWork } from '../predict/admission.ts';
import type { ScoredTokens } from '../predict/answers.ts';
import { logProbabilities, spansOf } from '../predict/pseudo-log-likelihood.ts';
import { noWork, type Work } from '../predict/work.ts';
import { fail, ok, type Result } from '../result.ts';
import type { ScoreQuestion } from '../schemas/questions.ts';
import type { Score } from '../schemas/score.ts';
import { findMasks } from '../tokenizer/masks.ts';
import { encodeWithinLimit } from '../tokenizer/normalized-limit.ts';
import { offsetsIn } from '../tokenizer/offsets.ts';
import type { WordedText } from '../tokenizer/tokenizer.ts';
import { checkTexts } from './check-texts.ts';
import { type Answered, type PipelineContext, timed } from './context.ts';
import { countTiers, getOrCompute } from './get-or-compute.ts';

/**
 * @returns the score of each text, in nats, or the error
 * @throws what the load and the backend throw
 */
export async function score(
  question: ScoreQuestion,
  given: PipelineContext,
): Promise<Result<Answered<Score[]>, RequestError>> {
  const { texts, metric } = question;
  const error = checkTexts(
    question,
    ({ length }) => length,
    MAX_TEXT_LENGTH,
    (text, index) => (findMasks(text).masks.length > 0 ? { reason: 'has_mask', index } : undefined),
  );
  if (error) return fail(error);
  const work = noWork();
  const context = timed(given, work);
  const keys = await Promise.all(texts.map((text) => scoreKey(context, question, text)));
  const result = await getOrCompute(keys, context.caches.scores, context, context.loadModel, (missing, model, beat) =>
    scoreTexts(
      missing.map((key) => keys.indexOf(key)),
      question,
      model,
      work,
      beat,
    ),
  );
  if (!result.ok) return result;
  const { found, stored } = result.value;
  const answers = keys.map((key) => found.get(key)?.value ?? []);
  const scores = answers.map((tokens) => ({
    score: tokens.reduce((sum, token) => sum + token.score, 0),
    metric,
    tokens,
  }));
  return ok({ answers: scores, work, cached: countTiers(found.values(), stored) });
}

/** @param indices of the texts to score */
async function scoreTexts(
  indices: readonly number[],
  { texts, isList, metric }: ScoreQuestion,
  model: LoadedModel,
  work: Work,
  beat: () => void,
): Promise<Result<ScoredTokens[], RequestError>> {
  const { tokenizer, manifest } = model;
  const limit = manifest.architecture.max_position_embeddings;
  const cost = costModelOf(manifest.architecture);
  const queries: { text: string; encoding: WordedText }[] = [];
  let multiplyAdds = 0;
  for (const t of indices) {
    const index = isList ? t : undefined;
    const text = texts[t] ?? '';
    if (findMasks(text, manifest.special_tokens.mask.token).masks.length > 0)
      return fail({ reason: 'has_mask', index });
    const encoded = encodeWithinLimit(() => tokenizer.encodeWords(text));
    if (!encoded.ok) return fail({ reason: 'text_grows_too_long', index, limit: encoded.error });
    const encoding = encoded.value;
    const tokens = encoding.input_ids.length;
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
    if (tokens <= 2) return fail({ reason: 'no_tokens', index });
    // Each token between the special ones is a run of the whole text.
    multiplyAdds += (tokens - 2) * cost.text(tokens, 1);
    queries.push({ text, encoding });
  }
  return admitWork('score', multiplyAdds, model, beat, async (runner) => {
    const scored: ScoredTokens[] = [];
    for (const { text, encoding } of queries) {
      const { input_ids, offsets, begins } = encoding;
      const spans = spansOf(metric, begins);
      const logs = await logProbabilities(encoding, spans, manifest.special_tokens.mask.id, runner, work);
      const toOffsets = offsetsIn(text);
      work.texts++;
      scored.push(
        spans.map(({ from }, i) => {
          const token = input_ids[from] as number;
          return {
            token,
            token_str: tokenizer.decode([token]),
            score: logs[i] as number,
            offsets: toOffsets(offsets[2 * from] ?? 0, offsets[2 * from + 1] ?? 0),
          };
        }),
      );
    }
    return scored;
  });
}
