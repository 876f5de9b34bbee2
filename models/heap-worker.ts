/** A thread that runs a graph once and says how large its WASM memory has become, in bytes. */
import { parentPort, workerData } from 'node:worker_threads';

import { MAX_MASKS_PER_TEXT } from '../src/limits.ts';
import { onnxruntimeInNode } from './runtime.ts';

const { graph, tokens } = workerData as { graph: Uint8Array; tokens: number };

// The package does not show its memory: it is seen as it is made.
const memories: WebAssembly.Memory[] = [];
const { instantiate } = WebAssembly;
const watched = async (module: WebAssembly.Module, imports?: WebAssembly.Imports) => {
  const instance = await instantiate(module, imports);
  const shared = Object.values(imports ?? {}).flatMap((part) => Object.values(part));
  for (const value of [...Object.values(instance.exports), ...shared]) {
    if (value instanceof WebAssembly.Memory) memories.push(value);
  }
  return instance;
};
WebAssembly.instantiate = watched as unknown as typeof WebAssembly.instantiate;

const backend = await (await onnxruntimeInNode()).create(graph);
await backend.run([
  {
    input_ids: new Int32Array(tokens).fill(5),
    token_type_ids: new Int32Array(tokens),
    masked_positions: Int32Array.from({ length: MAX_MASKS_PER_TEXT }, (_, i) => i + 1),
  },
]);
if (memories.length === 0) throw new Error('the runtime made no memory that could be seen');
parentPort?.postMessage(Math.max(...memories.map(({ buffer }) => buffer.byteLength)));
