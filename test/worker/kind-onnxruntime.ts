import runtime from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';

import { onnxruntime } from '../../src/inference/onnxruntime.ts';

export const kind = onnxruntime(runtime);
