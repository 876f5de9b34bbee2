/** The sentence pipeline: two texts to the labels of the sentence head (SOP or NSP). No HTTP, no globals. */
import { pairKey } from '../cache/keys.ts';
import type { RequestError } from '../errors.ts';
import { MAX_TEXT_LENGTH } from '../limits.ts';
import { costModelOf } from '../model/cost.ts';
import type { LoadedModel } from '../model/loaded-model.ts';
import { admitWork } from '../predict/admission.ts';
import type { LabelProbabilities } from '../predict/answers.ts';
import { runModel } from '../predict/runs.ts';
import { noWork, type Work } from '../predict/work.ts';
import { fail, ok, type Result } from '../result.ts';
import type { SentenceQuestion } from '../schemas/questions.ts';
import { LABELS, type Pair, type SentenceHead } from '../schemas/sentence.ts';
import { encodeWithinLimit } from '../tokenizer/normalized-limit.ts';
import type { TokenizedText } from '../tokenizer/tokenizer.ts';
import { checkTexts } from './check-texts.ts';
import { type Answered, type PipelineContext, timed } from './context.ts';
import { countTiers, getOrCompute } from './get-or-compute.ts';

const lengthOf = ({ text, text_pair }: Pair): number => text.length + text_pair.length;

/** Both labels of a head with their probabilities, the more likely first. */
export type PairLabel<Head extends SentenceHead> = { label: (typeof LABELS)[Head][number]; score: number }[];

/**
 * @returns the labels of each pair, or the error
 * @throws what the load and the backend throw
 */
export async function classifyPairs<Head extends SentenceHead>(
  question: SentenceQuestion<Head>,
  given: PipelineContext,
): Promise<Result<Answered<PairLabel<Head>[]>, RequestError>> {
  const { head, pairs, isList } = question;
  const error = checkTexts({ texts: pairs, isList }, lengthOf, MAX_TEXT_LENGTH);
  if (error) return fail(error);
  const work = noWork();
  const context = timed(given, work);
  const keys = await Promise.all(pairs.map((pair) => pairKey(context, question, pair)));
  const result = await getOrCompute(keys, context.caches.pairs, context, context.loadModel, (missing, model, beat) =>
    runPairs(
      missing.map((key) => keys.indexOf(key)),
      question,
      context.model,
      model,
      work,
      beat,
    ),
  );
  if (!result.ok) return result;
  const { found, stored } = result.value;
  const answers = keys.map((key) => found.get(key)?.value ?? []);
  const labels: readonly (typeof LABELS)[Head][number][] = LABELS[head];
  const labelled = answers.map((scores) =>
    labels.map((label, i) => ({ label, score: scores[i] as number })).toSorted((a, b) => b.score - a.score),
  );
  return ok({ answers: labelled, work, cached: countTiers(found.values(), stored) });
}

/** @param indices of the pairs to run */
async function runPairs(
  indices: readonly number[],
  { head, pairs, isList }: SentenceQuestion<SentenceHead>,
  name: string,
  model: LoadedModel,
  work: Work,
  beat: () => void,
): Promise<Result<LabelProbabilities[], RequestError>> {
  const { tokenizer, manifest } = model;
  if (!manifest.heads.includes(head)) return fail({ reason: 'no_such_head', head, model: name });
  const limit = manifest.architecture.max_position_embeddings;
  const encodings: TokenizedText[] = [];
  for (const p of indices) {
    const { text, text_pair } = pairs[p] as Pair;
    const index = isList ? p : undefined;
    const encoded = encodeWithinLimit(() => tokenizer.encodePair(text, text_pair));
    if (!encoded.ok) return fail({ reason: 'text_grows_too_long', index, limit: encoded.error });
    const tokens = encoded.value.input_ids.length;
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
    encodings.push(encoded.value);
  }
  work.texts += encodings.length;
  const multiplyAdds = costModelOf(manifest.architecture).batch(encodings);
  return admitWork('texts', multiplyAdds, model, beat, async (runner) => {
    const probabilities: LabelProbabilities[] = [];
    await runModel(encodings, runner, work, ({ sentence: [first = NaN, second = NaN] }) => {
      if (!Number.isFinite(first - second)) throw new Error('the logits of the sentence head are not finite numbers');
      // The softmax of two logits is the sigmoid of their difference.
      probabilities.push([1 / (1 + Math.exp(second - first)), 1 / (1 + Math.exp(first - second))]);
    });
    return probabilities;
  });
}
