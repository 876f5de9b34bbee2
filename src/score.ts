/** How likely whole texts are to the model, token by token. The order of its stages; no HTTP, no globals. */
import { refusalOf } from './admit.ts';
import { type ScoredTokens, scoreKey } from './cache/memories.ts';
import type { Metric, Score } from './http/schemas/score.ts';
import { MAX_TEXT_LENGTH } from './limits.ts';
import type { LoadedModel } from './model/loaded-model.ts';
import { logProbabilities, spansOf } from './predict/pseudo-log-likelihood.ts';
import { bounded } from './predict/runs.ts';
import { type Answered, recall, type Sources, timed } from './recall.ts';
import { fail, ok, type Result } from './result.ts';
import { findMasks } from './tokenizer/masks.ts';
import { offsetsIn } from './tokenizer/offsets.ts';
import { continuationsIn } from './tokenizer/words.ts';
import type { Unanswerable } from './unanswerable.ts';
import { noWork, type Work } from './work.ts';

export interface ScoreQuestion {
  readonly texts: readonly string[];
  readonly isList: boolean;
  readonly metric: Metric;
}

/**
 * @returns for each text its pseudo-log-likelihood, or why there is none
 * @throws what `load` and the backend throw
 */
export async function score(question: ScoreQuestion, given: Sources): Promise<Result<Answered<Score[]>, Unanswerable>> {
  const { texts, metric } = question;
  const refusal = refusalOf(
    question,
    ({ length }) => length,
    MAX_TEXT_LENGTH,
    (text, index) => (findMasks(text).masks.length > 0 ? { reason: 'has_mask', index } : undefined),
  );
  if (refusal) return fail(refusal);
  const work = noWork();
  const sources = timed(given, work);
  const keys = await Promise.all(texts.map((text) => scoreKey(sources, metric, text)));
  const found = await recall(keys, sources.memories.scores, sources.access, async (missing) =>
    scoreTexts(
      missing.map((key) => keys.indexOf(key)),
      question,
      await sources.load(),
      work,
    ),
  );
  if (!found.ok) return found;
  const { answers, remembered } = found.value;
  const scores = answers.map((tokens) => ({
    score: tokens.reduce((sum, token) => sum + token.score, 0),
    metric,
    tokens,
  }));
  return ok({ answers: scores, work, remembered });
}

/** @param which of the texts */
async function scoreTexts(
  which: readonly number[],
  { texts, isList, metric }: ScoreQuestion,
  { tokenizer, manifest, backend }: LoadedModel,
  work: Work,
): Promise<Result<ScoredTokens[], Unanswerable>> {
  const limit = manifest.architecture.max_position_embeddings;
  const encoded = [];
  let effort = 0;
  for (const t of which) {
    const index = isList ? t : undefined;
    const text = texts[t] ?? '';
    const encoding = tokenizer.encode({ text, masks: [] });
    const tokens = encoding.input_ids.length;
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
    if (tokens <= 2) return fail({ reason: 'no_tokens', index });
    // Each token between the special ones is a run of the whole text.
    effort += tokens * (tokens - 2);
    encoded.push({ text, encoding });
  }
  const admitted = bounded('score', effort);
  if (!admitted.ok) return admitted;

  const scored: ScoredTokens[] = [];
  for (const { text, encoding } of encoded) {
    const { input_ids, offsets } = encoding;
    const spans = spansOf(metric, input_ids.length, continuationsIn(input_ids, tokenizer));
    const logs = await logProbabilities(encoding, spans, manifest.special_tokens.mask.id, backend, work);
    const place = offsetsIn(text);
    work.texts++;
    scored.push(
      spans.map(({ from }, i) => {
        const token = input_ids[from] as number;
        return {
          token,
          token_str: tokenizer.decode([token]),
          score: logs[i] as number,
          offsets: place(offsets[2 * from] ?? 0, offsets[2 * from + 1] ?? 0),
        };
      }),
    );
  }
  return ok(scored);
}
