/** A thread that scores items with the two builds of a model. */
import { parentPort, workerData } from 'node:worker_threads';

import type { selectedBackend } from '../bucket/deployed.ts';
import { engineBackend, onnxBackend } from './backends.ts';
import type { Item } from './items.ts';
import { score, type Score } from './score.ts';

/** The file of the served weights, the backend that reads it, and the graph of the same weights in float32. */
export interface Builds {
  readonly int8: Uint8Array;
  readonly backend: ReturnType<typeof selectedBackend>;
  readonly float32: Uint8Array;
}
export type Scored<S extends Score = Score> = Record<'int8' | 'float32', S>;

const { builds, mask_id } = workerData as { builds: Builds; mask_id: number };
const int8 = await (builds.backend === 'engine' ? engineBackend(builds.int8) : onnxBackend(builds.int8));
const float32 = await onnxBackend(builds.float32);

parentPort?.on('message', (item: Item) => {
  void (async () => {
    const scored: Scored = { int8: await score(item, int8, mask_id), float32: await score(item, float32, mask_id) };
    parentPort?.postMessage(scored);
  })();
});
