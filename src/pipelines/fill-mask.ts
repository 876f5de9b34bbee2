/** The fill-mask pipeline: masked texts to candidates. It is the order of the stages. No HTTP, no globals. */
import { predictionKey } from '../cache/keys.ts';
import type { ParameterConflict, RequestError } from '../errors.ts';
import type { Encoding } from '../inference/backend.ts';
import { MAX_MASKS_PER_TEXT, MAX_TARGET_LENGTH, MAX_TEXT_LENGTH, MAX_TRUNCATED_TEXT_LENGTH } from '../limits.ts';
import { type KeyedText, predict } from '../predict/predict.ts';
import { noWork } from '../predict/work.ts';
import { fail, ok, type Result } from '../result.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { findMasks, type MaskedText } from '../tokenizer/masks.ts';
import { checkTexts } from './check-texts.ts';
import { type Answered, type PipelineContext, timed } from './context.ts';
import { encodeTexts } from './encode-texts.ts';
import { getOrCompute } from './get-or-compute.ts';
import { type LazyPredictions, presentCandidates } from './present-candidates.ts';

/**
 * @returns (texts, masks, top_k) candidates, best first; with the strategy `joint` one list for each text. Or the error
 * @throws what the loads and the backend throw
 */
export async function fillMask(
  question: FillMaskQuestion,
  given: PipelineContext,
): Promise<Result<Answered<LazyPredictions[][]>, RequestError>> {
  const work = noWork();
  const context = timed(given, work);
  let masked = findAllMasks(question);
  // Few models spell their mask in another way: only a text without the usual ones needs the manifest.
  if (!masked.ok && masked.error.reason === 'no_mask') {
    masked = findAllMasks(question, (await context.loadTokenizer()).manifest.special_tokens.mask.token);
  }
  if (!masked.ok) return masked;
  const encodings = await encodeTexts(masked.value, question, context);
  if (!encodings.ok) return encodings;
  const keyed = await Promise.all(
    masked.value.map(async (text, t): Promise<KeyedText> => {
      const encoding = encodings.value[t] as Encoding;
      const key = await predictionKey(context, question, text, encoding);
      return { key, index: question.isList ? t : undefined, text, encoding };
    }),
  );

  // Of texts with one key the first is named in an error.
  const byKey = new Map(keyed.toReversed().map((one) => [one.key, one]));
  const found = await getOrCompute(
    keyed.map(({ key }) => key),
    context.caches.predictions,
    context,
    context.loadModel,
    (missing, model, beat) =>
      predict(
        missing.map((key) => byKey.get(key) as KeyedText),
        question,
        model,
        work,
        beat,
      ),
  );
  if (!found.ok) return found;
  const { answers, cached } = found.value;
  const predictions = masked.value.map((text, t) =>
    presentCandidates(answers[t] ?? [], text, encodings.value[t] as Encoding, question),
  );
  return ok({ answers: predictions, work, cached });
}

/** The checks that need no tokenizer. */
function findAllMasks(question: FillMaskQuestion, own?: string): Result<MaskedText[], RequestError> {
  const { top_k, targets, strategy, truncation, max_answer_length: limit } = question;
  const conflict = findConflict(question);
  if (conflict) return fail({ reason: 'conflicting_parameters', conflict });
  const long = targets?.find((target) => target.length > MAX_TARGET_LENGTH);
  if (long !== undefined) {
    return fail({
      reason: 'target_too_long',
      target: long,
      in: 'characters',
      size: long.length,
      limit: MAX_TARGET_LENGTH,
    });
  }
  const found: MaskedText[] = [];
  const longest = truncation ? MAX_TRUNCATED_TEXT_LENGTH : MAX_TEXT_LENGTH;
  const error = checkTexts(
    question,
    ({ length }) => length,
    longest,
    (text, index) => {
      const masked = findMasks(text, own);
      const masks = masked.masks.length;
      if (masks === 0) return { reason: 'no_mask', index };
      if (masks > MAX_MASKS_PER_TEXT) return { reason: 'too_many_masks', index, masks, limit: MAX_MASKS_PER_TEXT };
      found.push(masked);
    },
  );
  if (error) return fail(error);
  // Each candidate repeats the text that it fills.
  const lists = (masks: number) => (strategy === 'joint' ? 1 : masks);
  const length = sum(found.map(({ text, masks }) => text.length * lists(masks.length) * top_k));
  if (length > limit) return fail({ reason: 'answer_too_large', length, limit });
  return ok(found);
}

function findConflict({ strategy, targets, top_k, num_beams }: FillMaskQuestion): ParameterConflict | undefined {
  if (strategy === 'joint' && targets) return { between: 'joint_and_targets' };
  if (num_beams === undefined) return undefined;
  if (strategy !== 'joint') return { between: 'num_beams_and_independent' };
  return num_beams < top_k ? { between: 'top_k_and_num_beams', top_k, num_beams } : undefined;
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
