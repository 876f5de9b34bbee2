/** One item put to a backend. No I/O of its own. */
import type { Backend, Encoding } from '../../src/inference/backend.ts';
import { firstTwo } from '../agreement.ts';
import type { FactItem, Item, PairItem, WindowItem, Words } from './items.ts';

/** Whether the good sentence scores higher, by two ways of scoring. */
export interface PairScore {
  readonly plain: boolean;
  readonly within_word_l2r: boolean;
}

export interface FactScore {
  /** How many words the model holds for likelier than the answer. */
  readonly better: number;
}

export interface WindowScore {
  /** −log2 of the probability of the masked words, summed. */
  readonly bits: number;
  /** Masked words of which every piece is the first choice. */
  readonly right: number;
  /** (masks,) the first choice at each mask */
  readonly first: Int32Array;
  /** (masks,) by how many logits it leads the second */
  readonly lead: Float32Array;
}

export interface Scores {
  pair: PairScore;
  fact: FactScore;
  window: WindowScore;
}
export type Score = Scores[Item['kind']];

/** @param mask_id the id of the mask, which pairs are masked with token by token */
export async function score(item: Item, backend: Backend, mask_id: number): Promise<Score> {
  if (item.kind === 'pair') return scorePair(item, backend, mask_id);
  return item.kind === 'fact' ? scoreFact(item, backend) : scoreWindow(item, backend);
}

async function scorePair({ good, bad }: PairItem, backend: Backend, mask_id: number): Promise<PairScore> {
  const [ours, theirs] = [
    await pseudoLogLikelihoods(good, backend, mask_id),
    await pseudoLogLikelihoods(bad, backend, mask_id),
  ];
  return { plain: ours.plain > theirs.plain, within_word_l2r: ours.within_word_l2r > theirs.within_word_l2r };
}

/**
 * The sum over the tokens of log p (token | the sentence with that token masked), in nats (Salazar et al. 2020), and the
 * same with the rest of the token's word masked as well, which keeps long words from scoring well for being long
 * (`within_word_l2r`, Kauf & Ivanova 2023).
 */
export async function pseudoLogLikelihoods(
  { ids, starts }: Words,
  backend: Backend,
  mask_id: number,
): Promise<{ plain: number; within_word_l2r: number }> {
  let plain = 0;
  let within_word_l2r = 0;
  for (let i = 1; i < ids.length - 1; i++) {
    let end = i + 1;
    while (!starts[end]) end++;
    const alone = await logProbability(backend, ids, i, i + 1, mask_id);
    plain += alone;
    within_word_l2r += end === i + 1 ? alone : await logProbability(backend, ids, i, end, mask_id);
  }
  return { plain, within_word_l2r };
}

/** log p of token `i`, with the tokens from it up to `end` masked. */
async function logProbability(backend: Backend, ids: Int32Array, i: number, end: number, mask_id: number) {
  const encoding: Encoding = {
    input_ids: Int32Array.from(ids).fill(mask_id, i, end),
    token_type_ids: new Int32Array(ids.length),
    masked_positions: Int32Array.of(i),
  };
  const [{ logits, log_sum_exp }] = (await mlm(backend, encoding)) as [Mask];
  return (logits[ids[i] as number] as number) - log_sum_exp;
}

async function scoreFact({ encoding, answer }: FactItem, backend: Backend): Promise<FactScore> {
  const [{ logits }] = (await mlm(backend, encoding)) as [Mask];
  const own = logits[answer] as number;
  let better = 0;
  for (let id = 0; id < logits.length; id++) if ((logits[id] as number) > own) better++;
  return { better };
}

async function scoreWindow({ encoding, labels, words }: WindowItem, backend: Backend): Promise<WindowScore> {
  const rows = await mlm(backend, encoding);
  const first = new Int32Array(rows.length);
  const lead = new Float32Array(rows.length);
  let nats = 0;
  for (const [m, { logits, log_sum_exp }] of rows.entries()) {
    const [best, second] = firstTwo(logits);
    first[m] = best;
    lead[m] = (logits[best] as number) - (logits[second] as number);
    nats += log_sum_exp - (logits[labels[m] as number] as number);
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
  if (!answer) throw new Error('the backend gave no answer');
  const count = encoding.masked_positions.length;
  const width = answer.mlm.length / count;
  return Array.from(answer.log_sum_exp, (log_sum_exp, m) => ({
    logits: answer.mlm.subarray(m * width, (m + 1) * width),
    log_sum_exp,
  }));
}
