/** The pipeline: masked texts to candidates, the only place that knows the order of the stages. No HTTP, no globals. */
import { type Candidate, targetCandidates, topCandidates } from './decode/candidates.ts';
import type { Encoding, Logits } from './inference/backend.ts';
import { MAX_ANSWER_LENGTH, MAX_MASKS_PER_TEXT, MAX_TEXT_LENGTH, MAX_TEXTS } from './limits.ts';
import type { LoadedModel } from './model/loaded-model.ts';
import { fail, ok, type Result } from './result.ts';
import { fillIn, findMasks, type MaskedText, startsWord } from './tokenizer/masks.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

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
  readonly texts: number;
  readonly tokens: number;
  readonly masks: number;
  readonly load_ms: number;
  readonly infer_ms: number;
}

/**
 * @param load gives the model; called only when the texts can be answered so far as can be told without it
 * @returns the predictions, or why there are none
 * @throws what `load` and the backend throw
 */
export async function fillMask(
  question: Question,
  load: () => Promise<LoadedModel>,
): Promise<Result<{ predictions: Predictions; work: Work }, Unanswerable>> {
  const masked = findAllMasks(question);
  if (!masked.ok) return masked;
  const asked = performance.now();
  const model = await load();
  const loaded = performance.now();
  const encodings = encodeAll(masked.value, question.isList, model);
  if (!encodings.ok) return encodings;
  const targets = encodeTargets(masked.value, question.targets, model.tokenizer);
  if (!targets.ok) return targets;

  const ready = performance.now();
  const logits = await model.backend.run(encodings.value);
  const inferred = performance.now();

  const vocabulary = model.manifest.architecture.vocab_size;
  const predictions = masked.value.map((text, t) =>
    text.masks.map((_, m): Prediction[] => {
      const { mlm, log_sum_exp } = logits[t] as Logits;
      const row = mlm.subarray(m * vocabulary, (m + 1) * vocabulary);
      const total = log_sum_exp[m];
      if (row.length !== vocabulary || total === undefined) {
        throw new Error('the backend answered with logits of another shape');
      }
      const ids = targets.value?.[t]?.[m];
      const candidates = ids
        ? targetCandidates(row, total, ids).slice(0, question.top_k)
        : topCandidates(row, total, question.top_k);
      return candidates.map(({ token, score }) => {
        const token_str = model.tokenizer.decode(token);
        return { score, token, token_str, sequence: fillIn(text, m, token_str) };
      });
    }),
  );
  const work = {
    texts: masked.value.length,
    tokens: sum(encodings.value.map(({ input_ids }) => input_ids.length)),
    masks: sum(masked.value.map(({ masks }) => masks.length)),
    load_ms: loaded - asked,
    infer_ms: inferred - ready,
  };
  return ok({ predictions, work });
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

function encodeAll(texts: MaskedText[], isList: boolean, model: LoadedModel): Result<Encoding[], Unanswerable> {
  const limit = model.manifest.architecture.max_position_embeddings;
  const encodings: Encoding[] = [];
  for (const [i, text] of texts.entries()) {
    const encoding = model.tokenizer.encode(text);
    const tokens = encoding.input_ids.length;
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index: isList ? i : undefined, tokens, limit });
    encodings.push(encoding);
  }
  return ok(encodings);
}

/** For each text, for each mask, the ids of the targets: a word has another id where it begins one than inside one. */
function encodeTargets(
  texts: MaskedText[],
  targets: readonly string[] | undefined,
  tokenizer: Tokenizer,
): Result<number[][][] | undefined, Unanswerable> {
  if (!targets) return ok(undefined);
  const known = new Map<boolean, number[]>();
  for (const asBeginning of new Set(texts.flatMap((text) => Array.from(text.masks, (_, m) => startsWord(text, m))))) {
    const ids: number[] = [];
    for (const target of targets) {
      const pieces = tokenizer.encodeTarget(target, asBeginning);
      const [id] = pieces;
      if (pieces.includes(tokenizer.unk_id)) return fail({ reason: 'target_unknown', target });
      if (id === undefined || pieces.length > 1) {
        return fail({ reason: 'target_not_one_piece', target, pieces: pieces.length });
      }
      ids.push(id);
    }
    known.set(asBeginning, ids);
  }
  return ok(texts.map((text) => Array.from(text.masks, (_, m) => known.get(startsWord(text, m)) ?? [])));
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
