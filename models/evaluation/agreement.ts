/** Compares two backends of the same checkpoint, mask by mask. No I/O of its own. */
import type { Backend, Encoding } from '../../src/inference/backend.ts';
import type { QuantizationError } from '../../src/schemas/model.ts';
import { ratio, sum } from './ratio.ts';

/** The lead of the reference's first choice over the second, in logits, from which it counts as clear. */
export const CLEAR_LEAD = 0.1;

/** Sums over the masks of one text. */
interface Counts {
  masks: number;
  agreed: number;
  clear: number;
  clearAgreed: number;
  divergence: number;
}

/**
 * @param served the builds whose errors are measured
 * @param reference the same weights in float32
 * @param encodings of the texts
 * @param progress gets the number of texts done
 * @returns an error for each of `served`
 */
export async function compareBackends(
  served: readonly Backend[],
  reference: Backend,
  encodings: readonly Encoding[],
  progress: (done: number) => void = () => undefined,
): Promise<QuantizationError[]> {
  const counted = served.map(() => ({ texts: [] as Counts[], largest: 0 }));
  for (const [i, encoding] of encodings.entries()) {
    const expected = (await runOne(reference, encoding)).map(withScores);
    for (const [s, backend] of served.entries()) {
      const found = await runOne(backend, encoding);
      const counts: Counts = { masks: expected.length, agreed: 0, clear: 0, clearAgreed: 0, divergence: 0 };
      const counter = counted[s] as (typeof counted)[number];
      for (const [m, p] of expected.entries()) {
        const q = found[m] as Distribution;
        const [first, second] = firstTwo(p.logits);
        const same = firstTwo(q.logits)[0] === first ? 1 : 0;
        counts.agreed += same;
        if (p.logits[first]! - p.logits[second]! >= CLEAR_LEAD) {
          counts.clear++;
          counts.clearAgreed += same;
        }
        counts.divergence += divergence(p, q);
        counter.largest = largestDifference(p, q, counter.largest);
      }
      counter.texts.push(counts);
    }
    progress(i + 1);
  }
  return counted.map(({ texts, largest }) => {
    const of = (field: keyof Counts) => texts.map((counts) => counts[field]);
    const clear = sum(of('clear'));
    const kept = clear === 0 ? { value: 1, error: 0 } : ratio(of('clearAgreed'), of('clear'));
    const mean = ratio(of('divergence'), of('masks'));
    return {
      texts: texts.length,
      masks: sum(of('masks')),
      top1_agreement: round(ratio(of('agreed'), of('masks')).value),
      clear_masks: clear,
      clear_top1_agreement: round(kept.value),
      clear_top1_standard_error: round(kept.error),
      mean_kl: round(mean.value),
      mean_kl_standard_error: round(mean.error),
      max_score_error: round(largest),
    };
  });
}

/** The first choice of the reference at one mask. */
interface Distribution {
  /** (vocab_size,) each */
  readonly logits: Float32Array;
  readonly log_sum_exp: number;
}
export type ReferenceDistribution = Distribution & {
  /** (vocab_size,) probabilities */
  readonly scores: Float64Array;
};

/** The logits of a backend for each mask of a text. */
async function runOne(backend: Backend, encoding: Encoding): Promise<Distribution[]> {
  const [answer] = await backend.run([encoding]);
  if (!answer) throw new Error('a backend returned no logits');
  if (!answer.log_sum_exp.every(Number.isFinite))
    throw new Error('a backend returned logits that are not finite numbers');
  const width = answer.mlm.length / answer.log_sum_exp.length;
  return Array.from(answer.log_sum_exp, (log_sum_exp, m) => ({
    logits: answer.mlm.subarray(m * width, (m + 1) * width),
    log_sum_exp,
  }));
}

export function withScores({ logits, log_sum_exp }: Distribution): ReferenceDistribution {
  // A loop: `Float64Array.from` with a function takes several times as long.
  const scores = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) scores[id] = Math.exp(logits[id]! - log_sum_exp);
  return { logits, log_sum_exp, scores };
}

/** Kullback-Leibler divergence, in nats: Σ p (log p − log q). */
export function divergence(p: ReferenceDistribution, q: Distribution): number {
  let difference = 0;
  for (let id = 0; id < p.logits.length; id++) {
    difference += p.scores[id]! * (p.logits[id]! - q.logits[id]!);
  }
  return Math.max(0, difference - p.log_sum_exp + q.log_sum_exp);
}

/** The largest difference of two scores of one token, or `known` if that is larger. */
function largestDifference(p: ReferenceDistribution, q: Distribution, known: number): number {
  let largest = known;
  // Where both scores are at most `largest`, so is their difference: few exponentials remain.
  let least = Math.log(largest) + q.log_sum_exp;
  for (let id = 0; id < p.logits.length; id++) {
    if (p.scores[id]! <= largest && q.logits[id]! <= least) continue;
    const difference = Math.abs(p.scores[id]! - Math.exp(q.logits[id]! - q.log_sum_exp));
    if (difference <= largest) continue;
    largest = difference;
    least = Math.log(largest) + q.log_sum_exp;
  }
  return largest;
}

/** The indices of the two largest values. */
export function firstTwo(values: Float64Array | Float32Array): [first: number, second: number] {
  let [first, second] = [0, 1];
  if (values[second]! > values[first]!) [first, second] = [second, first];
  for (let i = 2; i < values.length; i++) {
    const value = values[i]!;
    if (value > values[first]!) [first, second] = [i, first];
    else if (value > values[second]!) second = i;
  }
  return [first, second];
}

/** Committed figures have no more digits than are significant. */
const round = (value: number): number => Number(value.toPrecision(4));
