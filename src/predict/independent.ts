/** The most likely ids for each mask of a text, each mask by itself. No I/O of its own. */
import { type Candidate, topCandidates } from './top-k.ts';
import type { Encoding } from '../inference/backend.ts';
import type { Work } from './work.ts';
import { logitsRow, type Runner, runModel } from './runs.ts';

/**
 * @param isKept whether an id may be a candidate for a mask of its text
 * @returns (texts, masks, top_k) best first
 * @throws what the backend throws
 */
export async function predictMasks(
  encodings: readonly Encoding[],
  top_k: number,
  runner: Runner,
  work: Work,
  isKept?: (id: number, mask: number) => boolean,
): Promise<Candidate[][][]> {
  const answers: Candidate[][][] = [];
  await runModel(encodings, runner, work, (logits) => {
    answers.push(
      Array.from(logits.log_sum_exp, (_, m) => {
        const { row, total } = logitsRow(logits, m);
        return topCandidates(row, total, top_k, isKept && ((id) => isKept(id, m)));
      }),
    );
  });
  return answers;
}
