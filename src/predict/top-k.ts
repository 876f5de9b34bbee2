/** Logits of one mask to candidates with probabilities. No I/O. */

export interface Candidate {
  /** The id in the vocabulary. */
  readonly token: number;
  /** Its probability over the whole vocabulary, in [0, 1]. */
  readonly score: number;
}

/**
 * The `top_k` most probable ids, best first; of equals, the lower id first.
 * @param logits (vocab_size,)
 * @param log_sum_exp of all logits, which a backend returns with them
 * @param isKept whether an id may be a candidate; asked only for ids that would be among the best
 */
export function topCandidates(
  logits: Float32Array,
  log_sum_exp: number,
  top_k: number,
  isKept: (id: number) => boolean = () => true,
): Candidate[] {
  // The best so far, in order. Few logits exceed the last of them, so insertion is cheap.
  const best: number[] = [];
  let last = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if ((best.length === top_k && logit <= last) || !isKept(id)) continue;
    let place = 0;
    for (let end = best.length; place < end;) {
      const middle = (place + end) >> 1;
      if (logits[best[middle]!]! < logit) end = middle;
      else place = middle + 1;
    }
    best.splice(place, 0, id);
    if (best.length > top_k) best.pop();
    last = logits[best.at(-1)!]!;
  }
  // Softmax: e^logit over the sum of all, which is the exponential of the difference of their logarithms.
  return best.map((token) => ({ token, score: Math.exp(logits[token]! - log_sum_exp) }));
}
