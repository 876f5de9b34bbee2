/** The runs of the model that an answer needs: as many texts in one as their masks allow, and counted. No I/O of its own. */
import type { Backend, Encoding, Logits } from '../inference/backend.ts';
import { MAX_MASKS_PER_RUN, MAX_MODEL_TOKENS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import type { RequestError, WorkKind } from '../errors.ts';
import type { Work } from './work.ts';

/**
 * Asks the model of each text. No more logits are held at a time than a run gives.
 * @param use is given the logits of each text, in order
 * @throws what the backend throws
 */
export async function runModel(
  encodings: readonly Encoding[],
  backend: Backend,
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

/** Each text has no more masks than a run. */
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
  if (total === undefined || !Number.isInteger(vocabulary)) {
    throw new Error('the backend answered with logits of another shape');
  }
  return { row: mlm.subarray(m * vocabulary, (m + 1) * vocabulary), total };
}

/** Asked before the first run. @param tokens over all runs, as far as they were counted */
export function checkWorkLimit(by: WorkKind, tokens: number): Result<undefined, RequestError> {
  if (tokens <= MAX_MODEL_TOKENS) return ok(undefined);
  return fail({ reason: 'too_much_work', by, tokens, limit: MAX_MODEL_TOKENS });
}
