/** How far two backends of the same checkpoint are apart, mask by mask. No I/O of its own. */
import type { Backend, Encoding } from '../../src/inference/backend.ts';
import type { QuantizationError } from '../../src/schemas/model.ts';

/** By how many logits the reference's first choice leads the second where the choice counts as clear. */
export const CLEAR_LEAD = 0.1;

/**
 * @param served the build whose error is measured
 * @param reference the same weights in float32
 * @param encodings of the probe texts
 * @param progress is told the number of texts done
 */
export async function compareBackends(
  served: Backend,
  reference: Backend,
  encodings: readonly Encoding[],
  progress: (done: number) => void = () => undefined,
): Promise<QuantizationError> {
  let masks = 0;
  let agreed = 0;
  let clear = 0;
  let clearAgreed = 0;
  let divergence = 0;
  let largest = 0;
  for (const [i, encoding] of encodings.entries()) {
    const [[ours], [theirs]] = [await served.run([encoding]), await reference.run([encoding])];
    if (!ours || !theirs) throw new Error('a backend gave no answer');
    const count = encoding.masked_positions.length;
    const vocabulary = theirs.mlm.length / count;
    for (let m = 0; m < count; m++) {
      const q = softmax(ours.mlm.subarray(m * vocabulary, (m + 1) * vocabulary));
      const p = softmax(theirs.mlm.subarray(m * vocabulary, (m + 1) * vocabulary));
      const [first, second] = firstTwo(p);
      const same = firstTwo(q)[0] === first ? 1 : 0;
      masks++;
      agreed += same;
      // A difference of logits is a ratio of probabilities.
      if (Math.log(p[first]! / p[second]!) >= CLEAR_LEAD) {
        clear++;
        clearAgreed += same;
      }
      for (let id = 0; id < vocabulary; id++) {
        const [pi = 0, qi = 0] = [p[id], q[id]];
        if (pi > 0) divergence += pi * Math.log(pi / qi);
        largest = Math.max(largest, Math.abs(pi - qi));
      }
    }
    progress(i + 1);
  }
  return {
    texts: encodings.length,
    masks,
    top1_agreement: round(agreed / masks),
    clear_masks: clear,
    clear_top1_agreement: round(clear === 0 ? 1 : clearAgreed / clear),
    mean_kl: round(divergence / masks),
    max_score_error: round(largest),
  };
}

function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = Float64Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Where the two largest values are. */
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

/** What is committed has no more digits than mean something. */
const round = (value: number): number => Number(value.toPrecision(4));
