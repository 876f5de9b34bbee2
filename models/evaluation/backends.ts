/** The worker's own backends outside the worker: the same packages and the same WASM, compiled by Node. Reads files. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { Backend, ModelBytes } from '../../src/inference/backend.ts';
import { type EngineBackend, loadEngine } from '../../src/inference/engine.ts';
import { onnxruntime } from '../../src/inference/onnxruntime.ts';
import { type Build, kernelModule } from '../../src/inference/compile-kernels.ts';

let ort: Promise<WebAssembly.Module> | undefined;
const kernels: Partial<Record<Build, Promise<WebAssembly.Module>>> = {};

/** @param graph the bytes of `model.onnx` */
export async function onnxBackend(graph: Uint8Array): Promise<Backend> {
  ort ??= readFile(fileURLToPath(import.meta.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))).then((bytes) =>
    WebAssembly.compile(new Uint8Array(bytes)),
  );
  return onnxruntime(await ort).create(inMemory(graph));
}

/** @param blob the bytes of `model.efm` */
export async function engineBackend(blob: Uint8Array, build: Build = 'relaxed'): Promise<EngineBackend> {
  kernels[build] ??= kernelModule(build);
  return loadEngine(await kernels[build], inMemory(blob));
}

/** A file that is here already, and right. */
function inMemory(bytes: Uint8Array): ModelBytes {
  return {
    size: bytes.length,
    async read(take) {
      take(bytes);
    },
    async verify() {},
  };
}
