/** What the model says of texts that nobody remembers: targets, inference, decoding, in this order. No HTTP, no globals. */
import type { Candidates } from '../cache/memories.ts';
import type { Question } from '../fill-mask.ts';
import type { Encoding } from '../inference/backend.ts';
import { DEFAULT_BEAMS } from '../limits.ts';
import type { LoadedModel } from '../model/loaded-model.ts';
import { fail, ok, type Result } from '../result.ts';
import type { MaskedText } from '../tokenizer/masks.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Unanswerable } from '../unanswerable.ts';
import type { Work } from '../work.ts';
import { predictMasks } from './independent.ts';
import { searchJointly, searchTokens } from './joint.ts';
import { bounded } from './runs.ts';
import { encodeTargets, growthBy } from './targets.ts';
import { planWords, type Reading, readWords } from './whole-words.ts';

/** A text as the model reads it, and the key of what is asked of it: the same for texts that the tokenizer cannot tell apart. */
export interface Asked {
  readonly key: string;
  /** Which of the texts; undefined where only one was sent. */
  readonly index: number | undefined;
  readonly text: MaskedText;
  readonly encoding: Encoding;
}

/**
 * @param work is added to
 * @returns for each text the candidates for its masks, or why there are none
 * @throws what the backend throws
 */
export async function predict(
  asked: readonly Asked[],
  question: Pick<Question, 'strategy' | 'targets' | 'top_k' | 'beams'>,
  model: LoadedModel,
  work: Work,
): Promise<Result<Candidates[], Unanswerable>> {
  work.texts += asked.length;
  if (question.strategy === 'joint') return combine(asked, question, model, work);
  if (question.targets) return scoreTargets(asked, question.targets, question.top_k, model, work);
  const encodings = asked.map(({ encoding }) => encoding);
  const answers = await predictMasks(encodings, question.top_k, model.backend, work);
  return ok(
    answers.map((ofText) =>
      ofText.map((ofMask) => ofMask.map(({ token, score }) => candidateOf([token], score, model.tokenizer))),
    ),
  );
}

function candidateOf(tokens: readonly number[], score: number, tokenizer: Tokenizer): Candidates[number][number] {
  return {
    score,
    token: tokens[0] as number,
    token_str: tokenizer.decode(tokens),
    ...(tokens.length > 1 && { tokens: [...tokens] }),
    fills: [tokenizer.fill(tokens)],
  };
}

/** As one list for each text, however many masks it has. */
async function combine(
  asked: readonly Asked[],
  { top_k, beams = Math.max(top_k, DEFAULT_BEAMS) }: Pick<Question, 'top_k' | 'beams'>,
  model: LoadedModel,
  work: Work,
): Promise<Result<Candidates[], Unanswerable>> {
  const tokens = asked.reduce((sum, { encoding }) => sum + searchTokens(encoding, beams), 0);
  const admitted = bounded('search', tokens);
  if (!admitted.ok) return admitted;
  const { tokenizer } = model;
  const answers: Candidates[] = [];
  for (const { encoding } of asked) {
    const combinations = await searchJointly(encoding, beams, model.backend, work);
    answers.push([
      combinations.slice(0, top_k).map((combination) => {
        const token_strs = combination.tokens.map((token) => tokenizer.decode([token]));
        return {
          score: Math.exp(combination.log_probability),
          token: combination.tokens[0] as number,
          token_str: token_strs[0] as string,
          tokens: [...combination.tokens],
          token_strs,
          fills: combination.tokens.map((token) => tokenizer.fill(Array.of(token))),
        };
      }),
    ]);
  }
  return ok(answers);
}

async function scoreTargets(
  asked: readonly Asked[],
  targets: readonly string[],
  top_k: number,
  model: LoadedModel,
  work: Work,
): Promise<Result<Candidates[], Unanswerable>> {
  const { tokenizer, manifest } = model;
  const words = encodeTargets(
    asked.map(({ text }) => text),
    targets,
    tokenizer,
  );
  if (!words.ok) return words;
  const limit = manifest.architecture.max_position_embeddings;
  for (const [t, { encoding, index }] of asked.entries()) {
    const tokens = encoding.input_ids.length + growthBy(words.value[t] ?? []);
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
  }
  const { id } = manifest.special_tokens.mask;
  const plans = asked.map(({ encoding }, t) => planWords(encoding, words.value[t] ?? [], id));
  const readings: Reading[] = [];
  let tokens = 0;
  for (const plan of plans) {
    for (const reading of plan.readings) {
      readings.push(reading);
      tokens += reading.encoding.input_ids.length;
      const admitted = bounded('targets', tokens);
      if (!admitted.ok) return admitted;
    }
  }
  await readWords(readings, model.backend, work);
  return ok(
    plans.map(({ log_probabilities }, t) =>
      Array.from(log_probabilities, (ofMask, m) =>
        Array.from(ofMask, (log, w) => candidateOf(words.value[t]?.[m]?.[w] ?? [], Math.exp(log), tokenizer))
          .toSorted((a, b) => b.score - a.score || a.token - b.token)
          .slice(0, top_k),
      ),
    ),
  );
}
