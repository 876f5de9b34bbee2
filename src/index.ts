import kernels from './inference/.build/engine.wasm';

import { createApp } from './app.ts';
import { engine } from './inference/engine.ts';

export default createApp(engine(kernels));
