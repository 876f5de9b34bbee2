/** Runs the model in batches and counts the runs. No I/O of its own. */
import type { Backend, Encoding, Logits } from '../inference/backend.ts';
import { MAX_MASKS_PER_RUN, SLICE_WORK } from '../limits.ts';
import type { Work } from './work.ts';

/** What runs the batches of a request. */
export interface Runner extends Pick<Backend, 'run'> {
  /** Multiply-adds of a text, where a batch should be no more than about a slice of work. */
  readonly costOf?: (encoding: Encoding) => number;
}

/**
 * Runs the texts. No more logits are held at a time than one batch has: while the next batch waits for its turn, none.
 * @param use is given the logits of each text, in order
 * @throws what the backend throws, and when a logit is not a finite number
 */
export async function runModel(
  encodings: readonly Encoding[],
  runner: Runner,
  work: Work,
  use: (logits: Logits, index: number) => void,
): Promise<void> {
  let index = 0;
  // A function of its own: its logits do not outlive it.
  const run = async (batch: readonly Encoding[]): Promise<void> => {
    const ready = performance.now();
    const logits = await runner.run(batch);
    work.infer_ms += performance.now() - ready;
    for (const [i, { input_ids, masked_positions }] of batch.entries()) {
      work.tokens += input_ids.length;
      work.masks += masked_positions.length;
      use(logits[i] as Logits, index++);
    }
  };
  for (const batch of batchesOf(encodings, runner.costOf)) await run(batch);
}

/** Batches by their number of masks and their work, at least one text each. A text has no more masks than a batch. */
function* batchesOf(encodings: readonly Encoding[], costOf: Runner['costOf']): Generator<Encoding[]> {
  let batch: Encoding[] = [];
  let masks = 0;
  let work = 0;
  for (const encoding of encodings) {
    const own = { masks: encoding.masked_positions.length, work: costOf?.(encoding) ?? 0 };
    if (batch.length > 0 && (masks + own.masks > MAX_MASKS_PER_RUN || work + own.work > SLICE_WORK)) {
      yield batch;
      batch = [];
      masks = 0;
      work = 0;
    }
    batch.push(encoding);
    masks += own.masks;
    work += own.work;
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
