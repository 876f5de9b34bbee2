/** Scores one item with a backend. No I/O of its own. */
import type { Metric } from '../../src/schemas/score.ts';
import type { Backend, Encoding } from '../../src/inference/backend.ts';
import { logProbabilities, spansOf } from '../../src/predict/pseudo-log-likelihood.ts';
import { noWork } from '../../src/predict/work.ts';
import { firstTwo } from './agreement.ts';
import type { FactItem, Item, OrderItem, PairItem, WindowItem, Words } from './items.ts';

/** Whether the good sentence scores higher, by two metrics. */
export interface PairScore {
  readonly plain: boolean;
  readonly within_word_l2r: boolean;
}

export interface FactScore {
  /** How many words the model ranks above the answer. */
  readonly better: number;
}

export interface WindowScore {
  /** −log2 of the probability of the masked words, summed. */
  readonly bits: number;
  /** Masked words whose pieces are all the first choice. */
  readonly right: number;
  /** (masks,) the first choice at each mask */
  readonly first: Int32Array;
  /** (masks,) its lead over the second choice, in logits */
  readonly lead: Float32Array;
}

export interface OrderScore {
  readonly right: boolean;
}

interface Scores {
  pair: PairScore;
  fact: FactScore;
  window: WindowScore;
  order: OrderScore;
}
export type Score = Scores[Item['kind']];

/** @param mask_id the id of the mask, with which the tokens of pairs are masked one by one */
export async function score(item: Item, backend: Backend, mask_id: number): Promise<Score> {
  if (item.kind === 'pair') return scorePair(item, backend, mask_id);
  if (item.kind === 'order') return scoreOrder(item, backend);
  return item.kind === 'fact' ? scoreFact(item, backend) : scoreWindow(item, backend);
}

async function scorePair({ good, bad }: PairItem, backend: Backend, mask_id: number): Promise<PairScore> {
  const [ours, theirs] = [
    await pseudoLogLikelihoods(good, backend, mask_id),
    await pseudoLogLikelihoods(bad, backend, mask_id),
  ];
  return { plain: ours.plain > theirs.plain, within_word_l2r: ours.within_word_l2r > theirs.within_word_l2r };
}

/** By both metrics, in nats. For a word of one token they mask the same, so it is run once. */
export async function pseudoLogLikelihoods(
  { ids, starts }: Words,
  backend: Backend,
  mask_id: number,
): Promise<{ plain: number; within_word_l2r: number }> {
  const text = { input_ids: ids, token_type_ids: new Int32Array(ids.length) };
  const spans = (metric: Metric) => spansOf(metric, starts);
  const alone = await logProbabilities(text, spans('original'), mask_id, backend, noWork());
  const wide = spans('within_word_l2r').filter(({ from, to }) => to - from > 1);
  const wider = await logProbabilities(text, wide, mask_id, backend, noWork());
  const within = Float64Array.from(alone);
  for (const [i, { from }] of wide.entries()) within[from - 1] = wider[i]!;
  return { plain: sum(alone), within_word_l2r: sum(within) };
}

const sum = (numbers: Float64Array): number => numbers.reduce((a, b) => a + b, 0);

async function scoreFact({ encoding, answer }: FactItem, backend: Backend): Promise<FactScore> {
  const [{ logits }] = (await mlm(backend, encoding)) as [Mask];
  const own = logits[answer]!;
  let better = 0;
  for (let id = 0; id < logits.length; id++) if (logits[id]! > own) better++;
  return { better };
}

async function scoreOrder({ encoding, swapped }: OrderItem, backend: Backend): Promise<OrderScore> {
  const [answer] = await backend.run([encoding]);
  const [asItWas, reversed] = answer?.sentence ?? [];
  if (asItWas === undefined || reversed === undefined) throw new Error('the model has no head for sentence order');
  return { right: reversed > asItWas === swapped };
}

async function scoreWindow({ encoding, labels, words }: WindowItem, backend: Backend): Promise<WindowScore> {
  const rows = await mlm(backend, encoding);
  const first = new Int32Array(rows.length);
  const lead = new Float32Array(rows.length);
  let nats = 0;
  for (const [m, { logits, log_sum_exp }] of rows.entries()) {
    const [best, second] = firstTwo(logits);
    first[m] = best;
    lead[m] = logits[best]! - logits[second]!;
    nats += log_sum_exp - logits[labels[m]!]!;
  }
  let right = 0;
  let from = 0;
  for (const count of words) {
    const to = from + count;
    if (labels.subarray(from, to).every((label, k) => label === first[from + k])) right++;
    from = to;
  }
  return { bits: nats / Math.LN2, right, first, lead };
}

interface Mask {
  /** (vocab_size,) */
  readonly logits: Float32Array;
  readonly log_sum_exp: number;
}

async function mlm(backend: Backend, encoding: Encoding): Promise<Mask[]> {
  const [answer] = await backend.run([encoding]);
  if (!answer) throw new Error('the backend returned no logits');
  const count = encoding.masked_positions.length;
  const width = answer.mlm.length / count;
  return Array.from(answer.log_sum_exp, (log_sum_exp, m) => ({
    logits: answer.mlm.subarray(m * width, (m + 1) * width),
    log_sum_exp,
  }));
}
