import runtime from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';

import { createApp } from './app.ts';
import { entrypointOf } from './entrypoint.ts';
import { onnxruntime } from './inference/onnxruntime.ts';

const app = createApp(onnxruntime(runtime));
export default app;

/** For other workers of the account, over a service binding. */
export class FillMask extends entrypointOf(app) {}
