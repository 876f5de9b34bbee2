/** What the caches know of a text exactly as it was sent, without a tokenizer. No HTTP. */
import { answerJson, type ExactAnswer, getAnswer, putEncoding, type ReadText } from '../cache/caches.ts';
import { answerKey, encodingKey, predictionKey } from '../cache/keys.ts';
import { ageOf, sizeOf, type StoredCounts } from '../cache/tiered-cache.ts';
import type { Candidates } from '../predict/answers.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { findMasks } from '../tokenizer/masks.ts';
import type { PipelineContext } from './context.ts';
import type { Found } from './get-or-compute.ts';

type Caching = Pick<PipelineContext, 'caches' | 'policy' | 'model' | 'numerics' | 'partition'>;

export interface KnownText {
  /** The key of its encoding, where anything may be cached. */
  readonly encodingKey?: string;
  /** The key of its answer, where that was looked for at the edge. */
  readonly answerKey?: string;
  /** How it is read, if the isolate or an answer knows. */
  readonly read?: ReadText | undefined;
  readonly answer?: Found<Candidates>;
}

/** Looks in the isolate, then at the edge. What the edge has answers within the isolate from now on. */
export async function findAnswer(text: string, question: FillMaskQuestion, context: Caching): Promise<KnownText> {
  const { caches, policy } = context;
  if (!policy.read && !policy.write) return {};
  const keys = { encodingKey: await encodingKey(context, question, text), answerKey: '' };
  const read = caches.encodings.get(keys.encodingKey, policy)?.value;
  if (read) {
    const key = await keyOfTokens(text, read, question, context);
    const answer = caches.predictions.cache.isolate.get(key, policy);
    if (answer) return { read, answer };
  }
  if (!policy.edge) return { encodingKey: keys.encodingKey, read };
  keys.answerKey = await answerKey(context, question, text);
  const entry = await getAnswer(caches, keys.answerKey, policy);
  if (!entry || !isWhole(entry.value, text, question)) return { ...keys, read };
  const { encoding, mask, candidates } = entry.value;
  if (policy.write) {
    putEncoding(caches, keys.encodingKey, { encoding, mask }, policy);
    const key = await keyOfTokens(text, entry.value, question, context);
    const bytes = sizeOf(JSON.stringify(candidates));
    caches.predictions.cache.isolate.put(key, { value: candidates, stored: entry.stored }, bytes, policy);
  }
  return { read: { encoding, mask }, answer: { value: candidates, tier: 'edge', age_s: ageOf(entry) } };
}

/** Stores how a text is read, within the isolate. */
export function keepReading(known: KnownText | undefined, read: ReadText, { caches, policy }: Caching): void {
  if (known?.encodingKey !== undefined) putEncoding(caches, known.encodingKey, read, policy);
}

/** Stores the answer to a text at the edge, where an operation is left for it. */
export function keepAnswer(
  known: KnownText | undefined,
  read: ReadText,
  { value: candidates, age_s }: Found<Candidates>,
  { caches, policy }: Caching,
  counts?: StoredCounts,
): void {
  if (known?.answerKey === undefined || !policy.write) return;
  const json = answerJson({ ...read, candidates });
  caches.answers.put(known.answerKey, json, Date.now() - 1000 * age_s, policy, counts);
}

/** Without targets the masks are not part of the key, and a hit need not search for them again. */
const keyOfTokens = (text: string, { mask, encoding }: ReadText, question: FillMaskQuestion, context: Caching) =>
  predictionKey(context, question, question.targets ? findMasks(text, mask) : { text, masks: [] }, encoding);

/** Whether an entry has a list for each mask of the text, or one of combinations. */
function isWhole({ candidates, mask }: ExactAnswer, text: string, { strategy }: FillMaskQuestion): boolean {
  const masks = findMasks(text, mask).masks.length;
  return masks > 0 && candidates.length === (strategy === 'joint' ? 1 : masks);
}
