/** Predictions for texts that no cache has: independent masks, targets, or joint search. No HTTP, no globals. */
import type { RequestError } from '../errors.ts';
import type { Encoding } from '../inference/backend.ts';
import { DEFAULT_NUM_BEAMS, MAX_WORD_PIECES } from '../limits.ts';
import { costModelOf } from '../model/cost.ts';
import type { LoadedModel } from '../model/loaded-model.ts';
import { fail, ok, type Result } from '../result.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { characterBefore, type MaskedText } from '../tokenizer/masks.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { admitWork, checkWork } from './admission.ts';
import type { Candidates } from './answers.ts';
import { filterOf } from './filter.ts';
import { predictMasks } from './independent.ts';
import { searchJointly, searchWork } from './joint.ts';
import { encodeTargets, growthBy, type ModelQuery, planTargetQueries, runQueries } from './targets.ts';
import { searchWords, startsWord, wordSearchWork } from './whole-words.ts';
import type { Work } from './work.ts';

export interface KeyedText {
  /** The cache key of the question: texts that the tokenizer cannot tell apart share it. */
  readonly key: string;
  /** Index of the text in the list; undefined for a single text. */
  readonly index: number | undefined;
  readonly text: MaskedText;
  readonly encoding: Encoding;
}

/**
 * @param work the counters to add to
 * @param beat is called on progress
 * @returns (texts, masks, top_k) candidates, or the error
 * @throws what the backend throws
 */
export async function predict(
  texts: readonly KeyedText[],
  question: Pick<FillMaskQuestion, 'strategy' | 'targets' | 'top_k' | 'num_beams' | 'filter' | 'whole_words'>,
  model: LoadedModel,
  work: Work,
  beat: () => void,
): Promise<Result<Candidates[], RequestError>> {
  work.texts += texts.length;
  if (question.strategy === 'joint') return searchTexts(texts, question, model, work, beat);
  if (question.targets) return scoreTargets(texts, question.targets, question.top_k, model, work, beat);
  if (question.whole_words) return findWords(texts, question, model, work, beat);
  const encodings = texts.map(({ encoding }) => encoding);
  const multiplyAdds = costModelOf(model.manifest.architecture).batch(encodings);
  const answers = await admitWork('texts', multiplyAdds, model, beat, (runner) =>
    predictMasks(encodings, question.top_k, runner, work, filterOf(question.filter, model.tokenizer)),
  );
  if (!answers.ok) return answers;
  return ok(
    answers.value.map((ofText) =>
      ofText.map((ofMask) => ofMask.map(({ token, score }) => candidateOf([token], score, model.tokenizer))),
    ),
  );
}

function candidateOf(tokens: readonly number[], score: number, tokenizer: Tokenizer): Candidates[number][number] {
  return {
    score,
    token: tokens[0]!,
    token_str: tokenizer.decode(tokens),
    ...(tokens.length > 1 && { token_ids: [...tokens] }),
    fills: [tokenizer.fill(tokens)],
    joins: joinsOf([tokens[0]!], tokenizer),
  };
}

/** Closing punctuation of one character stands at the word before it, as a person writes. */
const CLOSING = /^[.,!?;:)\]}…]$/;

/** As in the `sequence` of the pipeline in transformers, a piece that continues a word and punctuation join what is before them. */
function joinsOf(firsts: readonly number[], tokenizer: Tokenizer): boolean[] | undefined {
  const joins = firsts.map(
    (token) => tokenizer.continuesWord(token) || CLOSING.test(tokenizer.fill(Array.of(token)).trim()),
  );
  return joins.includes(true) ? joins : undefined;
}

/** @returns one list of combinations for each text, whatever its number of masks */
async function searchTexts(
  texts: readonly KeyedText[],
  { top_k, num_beams = top_k, filter }: Pick<FillMaskQuestion, 'top_k' | 'num_beams' | 'filter'>,
  model: LoadedModel,
  work: Work,
  beat: () => void,
): Promise<Result<Candidates[], RequestError>> {
  const { tokenizer, manifest } = model;
  const cost = costModelOf(manifest.architecture);
  const isKept = filterOf(filter, tokenizer);
  const multiplyAdds = texts.reduce((sum, { encoding }) => sum + searchWork(encoding, num_beams, cost.text), 0);
  return admitWork('search', multiplyAdds, model, beat, async (runner) => {
    const answers: Candidates[] = [];
    for (const { encoding } of texts) {
      const combinations = await searchJointly(encoding, num_beams, runner, work, isKept);
      answers.push([
        combinations.slice(0, top_k).map((combination) => {
          const token_strs = combination.tokens.map((token) => tokenizer.decode([token]));
          return {
            score: Math.exp(combination.log_probability),
            token: combination.tokens[0]!,
            token_str: token_strs[0] as string,
            token_ids: [...combination.tokens],
            token_strs,
            fills: combination.tokens.map((token) => tokenizer.fill(Array.of(token))),
            joins: joinsOf(combination.tokens, tokenizer),
          };
        }),
      ]);
    }
    return answers;
  });
}

/** Most likely first; of equals, the lower ids. */
const bestOf = (candidates: Candidates[number], top_k: number): Candidates[number] =>
  candidates.toSorted((a, b) => b.score - a.score || a.token - b.token).slice(0, top_k);

/** @param growthOf tokens that text `t` gains when one of its masks becomes several */
function checkRoom(
  texts: readonly KeyedText[],
  growthOf: (t: number) => number,
  { manifest }: LoadedModel,
): Result<undefined, RequestError> {
  const limit = manifest.architecture.max_position_embeddings;
  for (const [t, { encoding, index }] of texts.entries()) {
    const tokens = encoding.input_ids.length + growthOf(t);
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
  }
  return ok(undefined);
}

/** @returns for each mask, candidates of one piece and words of several pieces in one list */
async function findWords(
  texts: readonly KeyedText[],
  { top_k, num_beams = DEFAULT_NUM_BEAMS, filter }: Pick<FillMaskQuestion, 'top_k' | 'num_beams' | 'filter'>,
  model: LoadedModel,
  work: Work,
  beat: () => void,
): Promise<Result<Candidates[], RequestError>> {
  const { tokenizer, manifest } = model;
  const room = checkRoom(texts, () => MAX_WORD_PIECES - 1, model);
  if (!room.ok) return room;
  const cost = costModelOf(manifest.architecture);
  const multiplyAdds = texts.reduce(
    (sum, { encoding }) => sum + cost.encoding(encoding) + wordSearchWork(encoding, num_beams, cost.text),
    0,
  );
  const isKept = filterOf(filter, tokenizer) ?? (() => true);
  const { id: mask_id } = manifest.special_tokens.mask;
  return admitWork('words', multiplyAdds, model, beat, async (runner) => {
    const answers: Candidates[] = [];
    for (const { encoding, text } of texts) {
      const befores = Array.from(text.masks, (_, m) => characterBefore(text, m));
      const words = await searchWords(encoding, befores, num_beams, mask_id, tokenizer, runner, work);
      const isWhole = (id: number, m: number) => isKept(id) && startsWord(id, befores[m] ?? '', tokenizer);
      const [single = []] = await predictMasks([encoding], top_k, runner, work, isWhole);
      answers.push(
        words.map((ofMask, m) =>
          bestOf(
            [
              ...(single[m] ?? []).map(({ token, score }) => candidateOf([token], score, tokenizer)),
              ...ofMask.map(({ ids, log_probability }) => candidateOf(ids, Math.exp(log_probability), tokenizer)),
            ],
            top_k,
          ),
        ),
      );
    }
    return answers;
  });
}

async function scoreTargets(
  texts: readonly KeyedText[],
  targets: readonly string[],
  top_k: number,
  model: LoadedModel,
  work: Work,
  beat: () => void,
): Promise<Result<Candidates[], RequestError>> {
  const { tokenizer, manifest } = model;
  const words = encodeTargets(
    texts.map(({ text }) => text),
    targets,
    tokenizer,
  );
  if (!words.ok) return words;
  const room = checkRoom(texts, (t) => growthBy(words.value[t] ?? []), model);
  if (!room.ok) return room;
  const { id } = manifest.special_tokens.mask;
  const plans = texts.map(({ encoding }, t) => planTargetQueries(encoding, words.value[t] ?? [], id));
  const cost = costModelOf(manifest.architecture);
  const queries: ModelQuery[] = [];
  let multiplyAdds = 0;
  for (const plan of plans) {
    for (const query of plan.queries) {
      queries.push(query);
      multiplyAdds += cost.encoding(query.encoding);
      const checked = checkWork('targets', multiplyAdds, model);
      if (!checked.ok) return checked;
    }
  }
  const run = await admitWork('targets', multiplyAdds, model, beat, (runner) => runQueries(queries, runner, work));
  if (!run.ok) return run;
  return ok(
    plans.map(({ log_probabilities }, t) =>
      Array.from(log_probabilities, (ofMask, m) =>
        bestOf(
          Array.from(ofMask, (log, w) => {
            const { target, ids } = words.value[t]![m]![w]!;
            return { ...candidateOf(ids, Math.exp(log), tokenizer), target };
          }),
          top_k,
        ),
      ),
    ),
  );
}
