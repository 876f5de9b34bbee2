import runtime from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';

import { createApp } from './app.ts';
import { onnxruntime } from './inference/onnxruntime.ts';

export default createApp(onnxruntime(runtime));
