/** The pipeline: masked texts to candidates, the only place that knows the order of the stages. No HTTP, no globals. */
import { refusalOf } from './admit.ts';
import { type Candidates, encodingKey, fromRemembered, predictionKey, toRemembered } from './cache/memories.ts';
import type { Prediction } from './http/schemas/fill-mask.ts';
import type { Encoding } from './inference/backend.ts';
import {
  MAX_ANSWER_LENGTH,
  MAX_MASKS_PER_TEXT,
  MAX_TARGET_LENGTH,
  MAX_TARGET_PIECES,
  MAX_TEXT_LENGTH,
  MAX_TRUNCATED_TEXT_LENGTH,
} from './limits.ts';
import { type Asked, predict } from './predict/predict.ts';
import { encodeTargets, growthBy } from './predict/targets.ts';
import { type Answered, recall, type Sources, timed } from './recall.ts';
import { fail, ok, type Result } from './result.ts';
import { fillAll, fillIn, findMasks, type MaskedText } from './tokenizer/masks.ts';
import { offsetsIn } from './tokenizer/offsets.ts';
import { type CutEncoding, cutAroundMasks } from './tokenizer/truncate.ts';
import type { Conflict, Unanswerable } from './unanswerable.ts';
import { noWork } from './work.ts';

/** What is asked of each text. */
export interface Question {
  readonly texts: readonly string[];
  /** Whether the texts were sent as a list; refusals then say which of them is meant. */
  readonly isList: boolean;
  /** At most this many candidates for each mask, or combinations; at least 1. */
  readonly top_k: number;
  /** Only these words are scored, each as it would stand in the mask's place. */
  readonly targets?: readonly string[];
  readonly strategy: 'independent' | 'joint';
  /** Of a joint search alone: partial combinations that are kept. */
  readonly beams?: number;
  /** Whether candidates say where their masks stand. */
  readonly offsets: boolean;
  /** Whether a text that is too long is cut. */
  readonly truncation: boolean;
}

/** For each text, for each of its masks in order, the candidates, best first; with `joint` one list for each text. */
export type Predictions = Prediction[][][];

/**
 * @returns the predictions, or why there are none
 * @throws what `load` and the backend throw
 */
export async function fillMask(
  question: Question,
  given: Sources,
): Promise<Result<Answered<Predictions>, Unanswerable>> {
  const masked = findAllMasks(question);
  if (!masked.ok) return masked;
  const work = noWork();
  const sources = timed(given, work);
  const encodings = await encodeAll(masked.value, question, sources);
  if (!encodings.ok) return encodings;
  const asked = await Promise.all(
    masked.value.map(async (text, t): Promise<Asked> => {
      const encoding = encodings.value[t] as Encoding;
      const key = await predictionKey(sources, question, text, encoding);
      return { key, index: question.isList ? t : undefined, text, encoding };
    }),
  );

  // Of equal ones the first is told what is wrong.
  const byKey = new Map(asked.toReversed().map((one) => [one.key, one]));
  const found = await recall(
    asked.map(({ key }) => key),
    sources.memories.predictions,
    sources.access,
    async (keys) =>
      predict(
        keys.map((key) => byKey.get(key) as Asked),
        question,
        await sources.load(),
        work,
      ),
  );
  if (!found.ok) return found;
  const { answers, remembered } = found.value;
  const predictions = masked.value.map((text, t) =>
    present(answers[t] ?? [], text, encodings.value[t] as Encoding, question),
  );
  return ok({ answers: predictions, work, remembered });
}

/** What can be said before anything is tokenized. */
function findAllMasks(question: Question): Result<MaskedText[], Unanswerable> {
  const { top_k, targets, strategy, truncation } = question;
  const conflict = conflictOf(question);
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
  const refusal = refusalOf(
    question,
    ({ length }) => length,
    longest,
    (text, index) => {
      const masked = findMasks(text);
      const masks = masked.masks.length;
      if (masks === 0) return { reason: 'no_mask', index };
      if (masks > MAX_MASKS_PER_TEXT) return { reason: 'too_many_masks', index, masks, limit: MAX_MASKS_PER_TEXT };
      found.push(masked);
    },
  );
  if (refusal) return fail(refusal);
  // Each candidate repeats the text that it fills.
  const lists = (masks: number) => (strategy === 'joint' ? 1 : masks);
  const length = sum(found.map(({ text, masks }) => text.length * lists(masks.length) * top_k));
  if (length > MAX_ANSWER_LENGTH) return fail({ reason: 'answer_too_large', length, limit: MAX_ANSWER_LENGTH });
  return ok(found);
}

function conflictOf({ strategy, targets, top_k, beams }: Question): Conflict | undefined {
  if (strategy === 'joint' && targets) return { between: 'joint_and_targets' };
  if (beams === undefined) return undefined;
  if (strategy !== 'joint') return { between: 'beams_and_independent' };
  return beams < top_k ? { between: 'top_k_and_beams', top_k, beams } : undefined;
}

/** From memory, or by the tokenizer, cut where that is wished. Equal texts are encoded once. */
async function encodeAll(
  texts: readonly MaskedText[],
  { isList, truncation, targets }: Question,
  sources: Sources,
): Promise<Result<(Encoding | CutEncoding)[], Unanswerable>> {
  const { model, memories, access } = sources;
  // How much of a text is left hangs on the targets, for the longest of which there has to be room.
  const room = truncation ? (targets ?? []) : undefined;
  const keys = new Map<string, Promise<string>>();
  for (const { text } of texts) if (!keys.has(text)) keys.set(text, encodingKey(model, text, room));
  const known = new Map<string, Encoding>();
  await Promise.all(
    Array.from(keys, async ([text, key]) => {
      const found = await memories.encodings.find(await key, access);
      if (found) known.set(text, fromRemembered(found.value));
    }),
  );
  for (const [i, text] of texts.entries()) {
    if (known.has(text.text)) continue;
    const index = isList ? i : undefined;
    const { tokenizer, manifest } = await sources.load();
    const limit = manifest.architecture.max_position_embeddings;
    let encoding: Encoding = tokenizer.encode(text);
    const tokens = encoding.input_ids.length;
    if (!truncation && tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
    // Unless it nearly fills the model, a text has room for any target.
    if (truncation && tokens + MAX_TARGET_PIECES > limit) {
      const words = encodeTargets([text], targets ?? [], tokenizer);
      if (!words.ok) return words;
      const growth = growthBy(words.value[0] ?? []);
      if (tokens + growth > limit) {
        const cut = cutAroundMasks(encoding, limit - growth);
        if (!cut.ok) return fail({ reason: 'masks_too_far_apart', index, tokens: cut.error + growth, limit });
        encoding = cut.value;
      }
    }
    known.set(text.text, encoding);
    memories.encodings.keep((await keys.get(text.text)) ?? '', toRemembered(encoding), access);
  }
  return ok(texts.map(({ text }) => known.get(text) as Encoding));
}

/** Candidates in the text as it was sent, which they are not remembered with. */
function present(
  candidates: Candidates,
  text: MaskedText,
  encoding: Encoding | CutEncoding,
  { strategy, offsets }: Question,
): Prediction[][] {
  const isJoint = strategy === 'joint';
  const placeOf = offsetsIn(offsets ? text.text : '');
  const places = offsets ? text.masks.map(({ start, end }) => placeOf(start, end)) : [];
  return candidates.map((list, m) => {
    const place = isJoint ? places : places[m];
    return list.map(({ score, token, token_str, tokens, token_strs, fills }) => ({
      score,
      token,
      token_str,
      sequence: isJoint ? fillAll(text, fills) : fillIn(text, m, fills[0] ?? ''),
      ...(tokens && { tokens }),
      ...(tokens && !isJoint && { pieces: tokens.length }),
      ...(token_strs && { token_strs }),
      ...(offsets && place && { offsets: place }),
      ...('truncated' in encoding && { truncated: encoding.truncated }),
    }));
  });
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
