/** What the sentence head of a model says of two texts. The order of its stages; no HTTP, no globals. */
import { refusalOf } from './admit.ts';
import { type Judgement, judgementKey } from './cache/memories.ts';
import { LABELS, type Pair, type SentenceHead } from './http/schemas/sentence.ts';
import { MAX_TEXT_LENGTH } from './limits.ts';
import type { LoadedModel } from './model/loaded-model.ts';
import { run } from './predict/runs.ts';
import { type Answered, recall, type Sources, timed } from './recall.ts';
import { fail, ok, type Result } from './result.ts';
import type { Unanswerable } from './unanswerable.ts';
import { noWork, type Work } from './work.ts';

const lengthOf = ({ text, text_pair }: Pair): number => text.length + text_pair.length;

export interface SentenceQuestion<Head extends SentenceHead> {
  readonly head: Head;
  readonly pairs: readonly Pair[];
  readonly isList: boolean;
}

/** Both labels of a head, the likelier first. */
export type Judged<Head extends SentenceHead> = { label: (typeof LABELS)[Head][number]; score: number }[];

/**
 * @returns for each pair how likely the labels are, or why that cannot be said
 * @throws what `load` and the backend throw
 */
export async function judge<Head extends SentenceHead>(
  question: SentenceQuestion<Head>,
  given: Sources,
): Promise<Result<Answered<Judged<Head>[]>, Unanswerable>> {
  const { head, pairs, isList } = question;
  const refusal = refusalOf({ texts: pairs, isList }, lengthOf, MAX_TEXT_LENGTH);
  if (refusal) return fail(refusal);
  const work = noWork();
  const sources = timed(given, work);
  const keys = await Promise.all(pairs.map((pair) => judgementKey(sources, head, pair)));
  const found = await recall(keys, sources.memories.judgements, sources.access, async (missing) =>
    judgePairs(
      missing.map((key) => keys.indexOf(key)),
      question,
      sources.model,
      await sources.load(),
      work,
    ),
  );
  if (!found.ok) return found;
  const { answers, remembered } = found.value;
  const labels: readonly (typeof LABELS)[Head][number][] = LABELS[head];
  const judged = answers.map((scores) =>
    labels.map((label, i) => ({ label, score: scores[i] as number })).toSorted((a, b) => b.score - a.score),
  );
  return ok({ answers: judged, work, remembered });
}

/** @param which of the pairs */
async function judgePairs(
  which: readonly number[],
  { head, pairs, isList }: SentenceQuestion<SentenceHead>,
  name: string,
  { tokenizer, manifest, backend }: LoadedModel,
  work: Work,
): Promise<Result<Judgement[], Unanswerable>> {
  if (!manifest.heads.includes(head)) return fail({ reason: 'no_such_head', head, model: name });
  const limit = manifest.architecture.max_position_embeddings;
  const encodings = [];
  for (const p of which) {
    const { text, text_pair } = pairs[p] as Pair;
    const encoding = tokenizer.encodePair(text, text_pair);
    const tokens = encoding.input_ids.length;
    if (tokens > limit) return fail({ reason: 'too_many_tokens', index: isList ? p : undefined, tokens, limit });
    encodings.push(encoding);
  }
  work.texts += encodings.length;
  const judgements: Judgement[] = [];
  await run(encodings, backend, work, ({ sentence: [first = 0, second = 0] }) => {
    // Softmax of two is a sigmoid of their difference.
    judgements.push([1 / (1 + Math.exp(second - first)), 1 / (1 + Math.exp(first - second))]);
  });
  return ok(judgements);
}
