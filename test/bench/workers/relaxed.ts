import kernels from '../../../src/inference/.build/engine-relaxed.wasm';
import { engine } from '../../../src/inference/engine.ts';
import { measuring } from './measuring.ts';

export default measuring(engine(kernels));
