/** The pipeline: masked texts to candidates, the only place that knows the order of the stages. No HTTP, no globals. */
import type { Access, Found } from './cache/memory.ts';
import {
  type Candidates,
  encodingKey,
  fromRemembered,
  type Memories,
  predictionKey,
  toRemembered,
} from './cache/memories.ts';
import type { Candidate } from './decode/candidates.ts';
import type { Encoding } from './inference/backend.ts';
import { MAX_ANSWER_LENGTH, MAX_MASKS_PER_TEXT, MAX_TEXT_LENGTH, MAX_TEXTS } from './limits.ts';
import type { LoadedModel } from './model/loaded-model.ts';
import { type Asked, predict } from './predict.ts';
import { fail, ok, type Result } from './result.ts';
import { fillIn, findMasks, type MaskedText } from './tokenizer/masks.ts';

/** What is asked of each text. */
export interface Question {
  readonly texts: readonly string[];
  /** Whether the texts were sent as a list; refusals then say which of them is meant. */
  readonly isList: boolean;
  /** At most this many candidates for each mask, at least 1. */
  readonly top_k: number;
  /** Only these words are scored, each as it would stand in the mask's place. */
  readonly targets?: readonly string[];
}

/** A candidate as a caller sees it. */
export interface Prediction extends Candidate {
  readonly token_str: string;
  /** The text as it was sent, with this mask replaced and the others left. */
  readonly sequence: string;
}

/** For each text, for each of its masks in order, the candidates, best first. */
export type Predictions = Prediction[][][];

interface OfText {
  /** Which of the texts; undefined where only one was sent. */
  readonly index: number | undefined;
}

/** Why a well-formed question is refused: data for the sentence, not the sentence. */
export type Unanswerable =
  | { readonly reason: 'too_many_texts'; readonly texts: number; readonly limit: number }
  | ({ readonly reason: 'no_mask' } & OfText)
  | ({ readonly reason: 'too_many_masks'; readonly masks: number; readonly limit: number } & OfText)
  | ({ readonly reason: 'text_too_long'; readonly length: number; readonly limit: number } & OfText)
  | ({ readonly reason: 'too_many_tokens'; readonly tokens: number; readonly limit: number } & OfText)
  | { readonly reason: 'answer_too_large'; readonly length: number; readonly limit: number }
  | { readonly reason: 'target_not_one_piece'; readonly target: string; readonly pieces: number }
  | { readonly reason: 'target_unknown'; readonly target: string };

/** What an answer took. In production clocks stand still while a worker computes: there, `infer_ms` is 0 and the counts speak. */
export interface Work {
  /** Of what had to be computed. */
  readonly texts: number;
  readonly tokens: number;
  readonly masks: number;
  readonly load_ms: number;
  readonly infer_ms: number;
}

/** Where the answers were, of the distinct questions in a request. */
export interface Remembered {
  readonly isolate: number;
  readonly data_centre: number;
  readonly computed: number;
  /** Of the oldest answer. */
  readonly age_s: number;
}

/** What the pipeline uses. */
export interface Sources {
  /** `<id>@<revision>`: it names tokenizer and weights. */
  readonly model: string;
  /** Of the backend: answers of another are others. */
  readonly numerics: string;
  /** Called only when something has to be computed. */
  load(): Promise<LoadedModel>;
  readonly memories: Memories;
  readonly access: Access;
}

/**
 * @returns the predictions, or why there are none
 * @throws what `load` and the backend throw
 */
export async function fillMask(
  question: Question,
  sources: Sources,
): Promise<Result<{ predictions: Predictions; work: Work; remembered: Remembered }, Unanswerable>> {
  const masked = findAllMasks(question);
  if (!masked.ok) return masked;
  const { memories, access } = sources;
  const spent = { load_ms: 0, infer_ms: 0, texts: 0, tokens: 0, masks: 0 };
  const load = async () => {
    const asked = performance.now();
    const model = await sources.load();
    spent.load_ms = Math.max(spent.load_ms, performance.now() - asked);
    return model;
  };

  const encodings = await encodeAll(masked.value, question.isList, { ...sources, load });
  if (!encodings.ok) return encodings;
  const asked = await Promise.all(
    masked.value.map(async (text, t): Promise<Asked> => {
      const encoding = encodings.value[t] as Encoding;
      return { key: await predictionKey(sources, question, text, encoding), text, encoding };
    }),
  );
  const distinct = new Map(asked.map((one) => [one.key, one]));
  const found = new Map<string, Found<Candidates>>();
  await Promise.all(
    Array.from(distinct.keys(), async (key) => {
      const answer = await memories.predictions.find(key, access);
      if (answer) found.set(key, answer);
    }),
  );
  // While that was looked for, others may have computed it; from here to `share` nobody else has a turn.
  for (const key of distinct.keys()) {
    const answer = found.get(key) ?? memories.predictions.findHere(key, access);
    if (answer) found.set(key, answer);
  }

  const missing = [...distinct.keys()].filter((key) => !found.has(key));
  const computed = await memories.inFlight.share(missing, (keys) => {
    const computing = (async () => {
      const model = await load();
      const { answers, work } = await predict(
        keys.map((one) => distinct.get(one) as Asked),
        question,
        model,
      );
      spent.infer_ms += work.infer_ms;
      spent.texts += work.texts;
      spent.tokens += work.tokens;
      spent.masks += work.masks;
      for (const [i, answer] of answers.entries()) {
        if (answer.ok) memories.predictions.keep(keys[i] ?? '', answer.value, access);
      }
      return answers;
    })();
    access.outlive(computing);
    return computing;
  });
  const answers = new Map(Array.from(found, ([key, { value }]) => [key, value]));
  for (const [i, result] of computed.entries()) {
    if (!result.ok) return result;
    answers.set(missing[i] ?? '', result.value);
  }

  const predictions = masked.value.map((text, t) =>
    (answers.get(asked[t]?.key ?? '') ?? []).map((candidates, m) =>
      candidates.map(({ score, token, token_str, fill }) => ({
        score,
        token,
        token_str,
        sequence: fillIn(text, m, fill),
      })),
    ),
  );
  const places = Array.from(found.values(), ({ place }) => place);
  const remembered = {
    isolate: places.filter((place) => place === 'isolate').length,
    data_centre: places.filter((place) => place === 'data-centre').length,
    computed: missing.length,
    age_s: Math.max(0, ...Array.from(found.values(), ({ age_s }) => age_s)),
  };
  return ok({ predictions, work: spent, remembered });
}

function findAllMasks({ texts, isList, top_k }: Question): Result<MaskedText[], Unanswerable> {
  if (texts.length > MAX_TEXTS) return fail({ reason: 'too_many_texts', texts: texts.length, limit: MAX_TEXTS });
  const found: MaskedText[] = [];
  for (const [i, text] of texts.entries()) {
    const index = isList ? i : undefined;
    if (text.length > MAX_TEXT_LENGTH) {
      return fail({ reason: 'text_too_long', index, length: text.length, limit: MAX_TEXT_LENGTH });
    }
    const masked = findMasks(text);
    const masks = masked.masks.length;
    if (masks === 0) return fail({ reason: 'no_mask', index });
    if (masks > MAX_MASKS_PER_TEXT) return fail({ reason: 'too_many_masks', index, masks, limit: MAX_MASKS_PER_TEXT });
    found.push(masked);
  }
  // Each candidate repeats the text that it fills.
  const length = sum(found.map(({ text, masks }) => text.length * masks.length * top_k));
  if (length > MAX_ANSWER_LENGTH) return fail({ reason: 'answer_too_large', length, limit: MAX_ANSWER_LENGTH });
  return ok(found);
}

/** From memory, or by the tokenizer. Equal texts are encoded once. */
async function encodeAll(
  texts: readonly MaskedText[],
  isList: boolean,
  sources: Sources,
): Promise<Result<Encoding[], Unanswerable>> {
  const { model, memories, access } = sources;
  const keys = new Map<string, Promise<string>>();
  for (const { text } of texts) if (!keys.has(text)) keys.set(text, encodingKey(model, text));
  const known = new Map<string, Encoding>();
  await Promise.all(
    Array.from(keys, async ([text, key]) => {
      const found = await memories.encodings.find(await key, access);
      if (found) known.set(text, fromRemembered(found.value));
    }),
  );
  for (const [i, text] of texts.entries()) {
    if (known.has(text.text)) continue;
    const { tokenizer, manifest } = await sources.load();
    const encoding = tokenizer.encode(text);
    const limit = manifest.architecture.max_position_embeddings;
    const tokens = encoding.input_ids.length;
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index: isList ? i : undefined, tokens, limit });
    known.set(text.text, encoding);
    memories.encodings.keep((await keys.get(text.text)) ?? '', toRemembered(encoding), access);
  }
  return ok(texts.map(({ text }) => known.get(text) as Encoding));
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
