import kernels from '../../src/inference/.build/engine-relaxed.wasm';
import { engine } from '../../src/inference/engine.ts';

export const kind = engine(kernels);
