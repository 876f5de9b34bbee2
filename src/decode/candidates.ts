/** Logits of one mask to candidates with probabilities. No I/O. */

export interface Candidate {
  /** The id in the vocabulary. */
  readonly token: number;
  /** Its probability over the whole vocabulary, in [0, 1]. */
  readonly score: number;
}

/**
 * The `top_k` most probable ids, best first; of equals the lower id first.
 * @param logits (vocab_size,)
 */
export function topCandidates(logits: Float32Array, top_k: number): Candidate[] {
  // The best so far in order. Hardly any logit passes the last of them, so insertion is cheap.
  const best: number[] = [];
  let last = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (best.length === top_k && logit <= last) continue;
    let place = best.length;
    while (place > 0 && (logits[best[place - 1] as number] as number) < logit) place--;
    best.splice(place, 0, id);
    if (best.length > top_k) best.pop();
    last = logits[best.at(-1) as number] as number;
  }
  return score(logits, best);
}

/** The given ids, best first, with their probabilities over the whole vocabulary, not over the ids alone. */
export function targetCandidates(logits: Float32Array, ids: readonly number[]): Candidate[] {
  return score(logits, [...new Set(ids)]).toSorted((a, b) => b.score - a.score || a.token - b.token);
}

/** Softmax with the largest logit subtracted, which neither overflows nor changes the result. */
function score(logits: Float32Array, ids: readonly number[]): Candidate[] {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return ids.map((token) => ({ token, score: Math.exp((logits[token] as number) - largest) / sum }));
}
