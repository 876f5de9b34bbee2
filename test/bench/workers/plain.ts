import kernels from '../../../src/inference/.build/engine-plain.wasm';
import { engine } from '../../../src/inference/engine.ts';
import { measuring } from './measuring.ts';

export default measuring(engine(kernels));
