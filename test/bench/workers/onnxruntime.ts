// By its path: the peers of this folder bring another release of the package.
import runtime from '../../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm';

import { onnxruntime } from '../../../src/inference/onnxruntime.ts';
import { measuring } from './measuring.ts';

export default measuring(onnxruntime(runtime));
