/** The likeliest ids for each mask of a text, each by itself. No I/O of its own. */
import { type Candidate, topCandidates } from '../decode/candidates.ts';
import type { Backend, Encoding } from '../inference/backend.ts';
import type { Work } from '../work.ts';
import { rowOf, run } from './runs.ts';

/**
 * @returns (texts, masks, top_k) best first
 * @throws what the backend throws
 */
export async function predictMasks(
  encodings: readonly Encoding[],
  top_k: number,
  backend: Backend,
  work: Work,
): Promise<Candidate[][][]> {
  const answers: Candidate[][][] = [];
  await run(encodings, backend, work, (logits) => {
    answers.push(
      Array.from(logits.log_sum_exp, (_, m) => {
        const { row, total } = rowOf(logits, m);
        return topCandidates(row, total, top_k);
      }),
    );
  });
  return answers;
}
