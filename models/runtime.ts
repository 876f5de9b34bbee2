/** The worker's own backend outside the worker: the same package and the same WASM, compiled by Node. Reads a file. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { BackendKind } from '../src/inference/backend.ts';
import { onnxruntime } from '../src/inference/onnxruntime.ts';

export async function onnxruntimeInNode(): Promise<BackendKind> {
  const file = fileURLToPath(import.meta.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'));
  return onnxruntime(await WebAssembly.compile(new Uint8Array(await readFile(file))));
}
