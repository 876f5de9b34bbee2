/** What the model says of texts that nobody remembers: targets, inference, decoding, in this order. No HTTP, no globals. */
import type { Candidates } from './cache/memories.ts';
import { targetCandidates, topCandidates } from './decode/candidates.ts';
import type { Question, Unanswerable } from './fill-mask.ts';
import type { Encoding, Logits } from './inference/backend.ts';
import { MAX_MASKS_PER_RUN } from './limits.ts';
import type { LoadedModel } from './model/loaded-model.ts';
import { fail, ok, type Result } from './result.ts';
import { characterBefore, type MaskedText } from './tokenizer/masks.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

/** A text as the model reads it, and the key of what is asked of it: the same for texts that the tokenizer cannot tell apart. */
export interface Asked {
  readonly key: string;
  readonly text: MaskedText;
  readonly encoding: Encoding;
}

/**
 * @returns for each text the candidates for its masks, or why there are none
 * @throws what the backend throws
 */
export async function predict(
  questions: readonly Asked[],
  { targets, top_k }: Pick<Question, 'targets' | 'top_k'>,
  model: LoadedModel,
): Promise<{
  answers: Result<Candidates, Unanswerable>[];
  work: { infer_ms: number; texts: number; tokens: number; masks: number };
}> {
  const work = { infer_ms: 0, texts: 0, tokens: 0, masks: 0 };
  const ids = encodeTargets(
    questions.map(({ text }) => text),
    targets,
    model.tokenizer,
  );
  if (!ids.ok) return { answers: questions.map(() => ids), work };
  const answers: Result<Candidates, Unanswerable>[] = [];
  for (const batch of inRuns(questions.map(({ encoding }) => encoding))) {
    const ready = performance.now();
    const logits = await model.backend.run(batch);
    work.infer_ms += performance.now() - ready;
    for (const [i, { input_ids, masked_positions }] of batch.entries()) {
      const ofTargets = ids.value?.[answers.length];
      answers.push(ok(candidatesOf(masked_positions.length, logits[i] as Logits, ofTargets, top_k, model)));
      work.texts++;
      work.tokens += input_ids.length;
      work.masks += masked_positions.length;
    }
  }
  return { answers, work };
}

/** As many texts in one run as their masks allow; each has fewer than a run. */
function* inRuns(encodings: readonly Encoding[]): Generator<Encoding[]> {
  let batch: Encoding[] = [];
  let masks = 0;
  for (const encoding of encodings) {
    masks += encoding.masked_positions.length;
    if (masks > MAX_MASKS_PER_RUN) {
      yield batch;
      batch = [];
      masks = encoding.masked_positions.length;
    }
    batch.push(encoding);
  }
  yield batch;
}

/** The candidates for each mask of a text. @param targets for each mask the only ids that are scored */
function candidatesOf(
  masks: number,
  { mlm, log_sum_exp }: Logits,
  targets: readonly number[][] | undefined,
  top_k: number,
  { manifest, tokenizer }: LoadedModel,
): Candidates {
  const vocabulary = manifest.architecture.vocab_size;
  return Array.from({ length: masks }, (_, m) => {
    const row = mlm.subarray(m * vocabulary, (m + 1) * vocabulary);
    const total = log_sum_exp[m];
    if (row.length !== vocabulary || total === undefined) {
      throw new Error('the backend answered with logits of another shape');
    }
    const ids = targets?.[m];
    const candidates = ids ? targetCandidates(row, total, ids).slice(0, top_k) : topCandidates(row, total, top_k);
    return candidates.map(({ token, score }) => ({
      score,
      token,
      token_str: tokenizer.decode([token]),
      fill: tokenizer.fill(Array.of(token)),
    }));
  });
}

/** For each text, for each mask, the ids of the targets: a word has another id after a blank than within a word. */
function encodeTargets(
  texts: readonly MaskedText[],
  targets: readonly string[] | undefined,
  tokenizer: Tokenizer,
): Result<number[][][] | undefined, Unanswerable> {
  if (!targets) return ok(undefined);
  const known = new Map<string, number[]>();
  for (const before of new Set(texts.flatMap((text) => Array.from(text.masks, (_, m) => characterBefore(text, m))))) {
    const ids: number[] = [];
    for (const target of targets) {
      const pieces = tokenizer.encodeTarget(target, before);
      const [id] = pieces;
      if (pieces.includes(tokenizer.unk_id)) return fail({ reason: 'target_unknown', target });
      if (id === undefined || pieces.length > 1) {
        return fail({ reason: 'target_not_one_piece', target, pieces: pieces.length });
      }
      ids.push(id);
    }
    known.set(before, ids);
  }
  return ok(texts.map((text) => Array.from(text.masks, (_, m) => known.get(characterBefore(text, m)) ?? [])));
}
