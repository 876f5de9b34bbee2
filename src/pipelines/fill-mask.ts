/** The fill-mask pipeline: masked texts to candidates. It is the order of the stages. No HTTP, no globals. */
import type { ReadText } from '../cache/caches.ts';
import { predictionKey } from '../cache/keys.ts';
import type { ParameterConflict, RequestError } from '../errors.ts';
import {
  MAX_MASKS_PER_TEXT,
  MAX_TARGET_LENGTH,
  MAX_TEXT_LENGTH,
  MAX_TOP_K_OF_SEVERAL,
  MAX_TRUNCATED_TEXT_LENGTH,
} from '../limits.ts';
import type { Candidates } from '../predict/answers.ts';
import { type KeyedText, predict } from '../predict/predict.ts';
import { noWork } from '../predict/work.ts';
import { fail, ok, type Result } from '../result.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { findMasks, type MaskedText } from '../tokenizer/masks.ts';
import { checkTexts, jsonBytes, MAX_ESCAPED_BYTES } from './check-texts.ts';
import { type Answered, type PipelineContext, timed } from './context.ts';
import { encodeText } from './encode-text.ts';
import { findAnswer, keepAnswer, keepReading, type KnownText } from './exact-answers.ts';
import { countTiers, type Found, getOrCompute } from './get-or-compute.ts';
import { presentCandidates, type PresentedText } from './present-candidates.ts';

/**
 * @returns (texts, masks, top_k) candidates, best first; with the strategy `joint` one list for each text. Or the error
 * @throws what the loads and the backend throw
 */
export async function fillMask(
  question: FillMaskQuestion,
  given: PipelineContext,
): Promise<Result<Answered<PresentedText[]>, RequestError>> {
  const work = noWork();
  const context = timed(given, work);
  const known = new Map<string, KnownText>();
  const find = async (text: string) => known.set(text, await findAnswer(text, question, context));
  const lookUp = (texts: readonly string[]) =>
    Promise.all([...new Set(texts)].filter((text) => !known.has(text)).map(find));

  let masked = findAllMasks(question, () => undefined);
  // Few models spell their mask in another way. Then the caches may know the spelling, and the manifest knows it.
  if (!masked.ok && masked.error.reason === 'no_mask') {
    await lookUp(question.texts.filter((text) => findMasks(text).masks.length === 0));
    masked = findAllMasks(question, (text) => known.get(text)?.read?.mask);
  }
  if (!masked.ok && masked.error.reason === 'no_mask') {
    const { token } = (await context.loadTokenizer()).manifest.special_tokens.mask;
    masked = findAllMasks(question, () => token);
  }
  if (!masked.ok) return masked;
  await lookUp(question.texts);

  const open = new Map<string, ReadText & Omit<KeyedText, 'key'>>();
  for (const [t, text] of masked.value.entries()) {
    const about = known.get(text.text);
    if (about?.answer || open.has(text.text)) continue;
    const index = question.isList ? t : undefined;
    let read = about?.read;
    if (!read) {
      const loaded = await context.loadTokenizer();
      const encode = () => encodeText(text, index, question, loaded);
      const { length } = text.text;
      const encoding = context.inTurn && length > MAX_TEXT_LENGTH ? await context.inTurn(length, encode) : encode();
      if (!encoding.ok) return encoding;
      const isUsual = findMasks(text.text).masks.length > 0;
      read = { encoding: encoding.value, mask: isUsual ? undefined : loaded.manifest.special_tokens.mask.token };
      keepReading(about, read, context);
    }
    open.set(text.text, { index, text, ...read });
  }
  const keyed = await Promise.all(
    Array.from(open.values(), async (one) => ({
      ...one,
      key: await predictionKey(context, question, one.text, one.encoding),
    })),
  );

  // Of texts with one key the first is named in an error.
  const byKey = new Map(keyed.toReversed().map((one) => [one.key, one]));
  const { caches, policy } = context;
  // What is stored at the edge first is the answers to the exact texts: a repetition needs nothing else.
  policy.edge?.reserve(keyed.length);
  const result = await getOrCompute(
    keyed.map(({ key }) => key),
    caches.predictions,
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
  policy.edge?.reserve(0);
  if (!result.ok) return result;

  const answered = new Map(known);
  const stored = { isolate: 0, edge: 0 };
  for (const { key, text, encoding, mask } of keyed) {
    const [about, read] = [known.get(text.text), { encoding, mask }];
    const answer = result.value.found.get(key) as Found<Candidates>;
    answered.set(text.text, { read, answer });
    const isComputed = answer.tier === 'computed';
    if (isComputed && policy.write && caches.predictions.cache.isolate.has(key)) stored.isolate++;
    keepAnswer(about, read, answer, context, isComputed ? stored : undefined);
  }
  const predictions = masked.value.map((text) => {
    const { read, answer } = answered.get(text.text) as Required<KnownText>;
    return presentCandidates(answer.value, text, (read as ReadText).encoding, question);
  });
  const found = Array.from(answered.values(), ({ answer }) => answer as Found<Candidates>);
  return ok({ answers: predictions, work, cached: countTiers(found, stored) });
}

/**
 * The checks that need no tokenizer.
 * @param spellingOf the model's own spelling of masks, if it is known, for a text that has none in a usual spelling
 */
function findAllMasks(
  question: FillMaskQuestion,
  spellingOf: (text: string) => string | undefined,
): Result<MaskedText[], RequestError> {
  const { top_k, targets, strategy, truncation, max_answer_bytes: limit } = question;
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
      const usual = findMasks(text);
      const masked = usual.masks.length > 0 ? usual : findMasks(text, spellingOf(text));
      const masks = masked.masks.length;
      if (masks === 0) return { reason: 'no_mask', index };
      if (masks > MAX_MASKS_PER_TEXT) return { reason: 'too_many_masks', index, masks, limit: MAX_MASKS_PER_TEXT };
      found.push(masked);
    },
  );
  if (error) return fail(error);
  if (top_k > MAX_TOP_K_OF_SEVERAL && found.some(({ masks }) => masks.length > 1)) {
    return fail({
      reason: 'conflicting_parameters',
      conflict: { between: 'top_k_and_several_masks', top_k, limit: MAX_TOP_K_OF_SEVERAL },
    });
  }
  // Each candidate repeats the text that it fills.
  const lists = (masks: number) => (strategy === 'joint' ? 1 : masks);
  const bytesOf = (lengthOf: (text: string) => number) =>
    sum(found.map(({ text, masks }) => lengthOf(text) * lists(masks.length) * top_k));
  // Most answers are small, however they are escaped.
  if (bytesOf(({ length }) => MAX_ESCAPED_BYTES * length) <= limit) return ok(found);
  const bytes = bytesOf(jsonBytes);
  if (bytes > limit) return fail({ reason: 'answer_too_large', bytes, limit });
  return ok(found);
}

function findConflict(question: FillMaskQuestion): ParameterConflict | undefined {
  const { strategy, targets, top_k, num_beams, filter, whole_words } = question;
  const isJoint = strategy === 'joint';
  if (isJoint && targets) return { between: 'joint_and_targets' };
  if (filter && targets) return { between: 'filter_and_targets' };
  if (whole_words && targets) return { between: 'whole_words_and_targets' };
  if (whole_words && isJoint) return { between: 'whole_words_and_joint' };
  if (isJoint && top_k > MAX_TOP_K_OF_SEVERAL) {
    return { between: 'top_k_and_joint', top_k, limit: MAX_TOP_K_OF_SEVERAL };
  }
  if (num_beams === undefined) return undefined;
  if (!isJoint && !whole_words) return { between: 'num_beams_and_independent' };
  return isJoint && num_beams < top_k ? { between: 'top_k_and_num_beams', top_k, num_beams } : undefined;
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
