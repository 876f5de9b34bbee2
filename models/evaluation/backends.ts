/** The worker's own backends outside the worker: the same packages and the same WASM, compiled by Node. Reads files. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Tensor } from 'onnxruntime-web/wasm';

import type { Backend, Encoding, ModelBytes } from '../../src/inference/backend.ts';
import { type EngineBackend, loadEngine } from '../../src/inference/engine.ts';
import { onnxruntime, startSession } from '../../src/inference/onnxruntime.ts';
import { type Build, kernelModule } from '../../src/inference/compile-kernels.ts';

let ort: Promise<WebAssembly.Module> | undefined;
const kernels: Partial<Record<Build, Promise<WebAssembly.Module>>> = {};

async function ortModule(): Promise<WebAssembly.Module> {
  ort ??= readFile(fileURLToPath(import.meta.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))).then((bytes) =>
    WebAssembly.compile(new Uint8Array(bytes)),
  );
  return ort;
}

/** @param graph the bytes of `model.onnx` */
export async function onnxBackend(graph: Uint8Array): Promise<Backend> {
  return onnxruntime(await ortModule()).create(inMemory(graph));
}

const tensor = (data: Int32Array | Float32Array) =>
  data instanceof Int32Array ? new Tensor('int32', data, [data.length]) : new Tensor('float32', data, [data.length]);

/** Runs a graph with outputs of any names. @returns all outputs */
export async function onnxRunner(
  graph: Uint8Array,
): Promise<
  (encoding: Encoding, more?: ReadonlyMap<string, Float32Array>) => Promise<ReadonlyMap<string, Float32Array>>
> {
  const session = await startSession(await ortModule(), graph);
  return async ({ input_ids, token_type_ids, masked_positions }, more = new Map()) => {
    const outputs = await session.run({
      input_ids: tensor(input_ids),
      token_type_ids: tensor(token_type_ids),
      masked_positions: tensor(masked_positions),
      ...Object.fromEntries(Array.from(more, ([name, data]) => [name, tensor(data)])),
    });
    return new Map(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
  };
}

export function logSumExp(logits: Float32Array): number {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

/** @param blob the bytes of `model.efm` */
export async function engineBackend(blob: Uint8Array, build: Build = 'relaxed'): Promise<EngineBackend> {
  kernels[build] ??= kernelModule(build);
  return loadEngine(await kernels[build], inMemory(blob));
}

/** A local file that was verified before. */
export function inMemory(bytes: Uint8Array): ModelBytes {
  return {
    size: bytes.length,
    async read(take) {
      take(bytes);
    },
    async verify() {},
  };
}
