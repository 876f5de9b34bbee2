/** A thread that puts items to the two builds of a model. */
import { parentPort, workerData } from 'node:worker_threads';

import { onnxruntimeInNode } from '../runtime.ts';
import type { Item } from './items.ts';
import { score, type Score } from './score.ts';

export interface Builds {
  readonly int8: Uint8Array;
  readonly float32: Uint8Array;
}
export type Scored<S extends Score = Score> = Record<keyof Builds, S>;

const { builds, mask_id } = workerData as { builds: Builds; mask_id: number };
const runtime = await onnxruntimeInNode();
const [int8, float32] = [await runtime.create(builds.int8), await runtime.create(builds.float32)];

parentPort?.on('message', (item: Item) => {
  void (async () => {
    const scored: Scored = { int8: await score(item, int8, mask_id), float32: await score(item, float32, mask_id) };
    parentPort?.postMessage(scored);
  })();
});
