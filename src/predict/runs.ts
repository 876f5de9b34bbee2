/** Runs the model in batches and counts the runs. No I/O of its own. */
import type { Backend, Encoding, Logits } from '../inference/backend.ts';
import { MAX_MASKS_PER_RUN } from '../limits.ts';
import type { Work } from './work.ts';

/**
 * Runs the texts. No more logits are held at a time than one batch has.
 * @param use is given the logits of each text, in order
 * @throws what the backend throws, and when a logit is not a finite number
 */
export async function runModel(
  encodings: readonly Encoding[],
  backend: Pick<Backend, 'run'>,
  work: Work,
  use: (logits: Logits, index: number) => void,
): Promise<void> {
  let index = 0;
  for (const batch of batchesOf(encodings)) {
    const ready = performance.now();
    const logits = await backend.run(batch);
    work.infer_ms += performance.now() - ready;
    for (const [i, { input_ids, masked_positions }] of batch.entries()) {
      work.tokens += input_ids.length;
      work.masks += masked_positions.length;
      use(logits[i] as Logits, index++);
    }
  }
}

/** Batches by their number of masks. A text has no more masks than a batch. */
function* batchesOf(encodings: readonly Encoding[]): Generator<Encoding[]> {
  let batch: Encoding[] = [];
  let masks = 0;
  for (const encoding of encodings) {
    masks += encoding.masked_positions.length;
    if (masks > MAX_MASKS_PER_RUN) {
      yield batch;
      batch = [];
      masks = encoding.masked_positions.length;
    }
    batch.push(encoding);
  }
  if (batch.length > 0) yield batch;
}

/** The logits of mask `m`, (vocab_size,), and the logarithm of the sum of their exponentials. */
export function logitsRow({ mlm, log_sum_exp }: Logits, m: number): { row: Float32Array; total: number } {
  const vocabulary = mlm.length / log_sum_exp.length;
  const total = log_sum_exp[m];
  if (total === undefined || !Number.isInteger(vocabulary)) throw new Error('the logits have another shape');
  if (!Number.isFinite(total)) throw new Error('the logits are not finite numbers');
  return { row: mlm.subarray(m * vocabulary, (m + 1) * vocabulary), total };
}
