/** npm run models -- evaluate: scores a model, as served and in float32, on the same items. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import { makeArtifacts, readCheckpoint, weightsIn } from '../build/build.ts';
import { selectedBackend } from '../bucket/deployed.ts';
import { BUILT_FILES } from '../build/quantization-error.ts';
import { readEvaluationData } from './data.ts';
import { type Item, type Items, makeItems } from './items.ts';
import { type Evaluation, tabulate } from './table.ts';
import type { Builds, Scored } from './worker.ts';
import { buildGraph } from '../onnx/encoder.ts';

export interface EvaluateOptions {
  /** The folder of the evaluation sets. */
  readonly data: string;
  /** Size of the sample as a multiple of the usual seeded one; Infinity for everything. */
  readonly share: number;
  /** Gets the fraction of the work that is done. */
  readonly progress?: (share: number) => void;
}

/** @throws if a set is missing or cannot be read, with its origin */
export async function evaluate(
  id: string,
  { data, share, progress }: EvaluateOptions,
): Promise<Evaluation & { revision: string; singlePiece: Items['singlePiece'] }> {
  const checkpoint = await readCheckpoint(id);
  const sets = await readEvaluationData(data);
  const artifacts = await makeArtifacts(checkpoint);
  const { revision } = artifacts;
  const backend = selectedBackend();
  const int8 = weightsIn(artifacts, BUILT_FILES[backend][0]);
  const builds = { int8, backend, float32: buildGraph(checkpoint.weights, 'float32') };
  const items = makeItems(sets, checkpoint.tokenizer, checkpoint.weights.config.max_position_embeddings, {
    share,
    order: checkpoint.weights.sentence?.head === 'sop',
  });
  const scores = await scoreAll(items, builds, progress);
  return { revision, singlePiece: items.singlePiece, ...tabulate(items.items, scores) };
}

/** One thread per core, each with both builds. The scores are in the order of the items. */
async function scoreAll(
  { items, mask_id }: Items,
  builds: Builds,
  progress: (share: number) => void = () => undefined,
): Promise<Scored[]> {
  const scores: Scored[] = [];
  const work = items.map(tokensToRun);
  const all = work.reduce((a, b) => a + b, 0);
  let next = 0;
  let done = 0;
  const threads = Array.from(
    { length: Math.min(availableParallelism(), items.length) },
    () => new Worker(new URL('worker.ts', import.meta.url), { workerData: { builds, mask_id } }),
  );
  try {
    await Promise.all(
      threads.map(
        (thread) =>
          new Promise<void>((resolve, reject) => {
            let current = 0;
            const proceed = () => {
              current = next++;
              const item = items[current];
              if (item) thread.postMessage(item);
              else resolve();
            };
            thread.on('error', reject);
            thread.on('message', (scored: Scored) => {
              scores[current] = scored;
              done += work[current] ?? 0;
              progress(done / all);
              proceed();
            });
            proceed();
          }),
      ),
    );
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return scores;
}

/** The approximate number of tokens that the model reads for an item: for the progress bar. */
function tokensToRun(item: Item): number {
  if (item.kind !== 'pair') return item.encoding.input_ids.length;
  return item.good.ids.length ** 2 + item.bad.ids.length ** 2;
}
