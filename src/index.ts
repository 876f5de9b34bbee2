import kernels from './inference/.build/engine.wasm';

import { createApp } from './app.ts';
import { entrypointOf } from './entrypoint.ts';
import { engine } from './inference/engine.ts';

const app = createApp(engine(kernels));
export default app;

/** For other workers of the account, over a service binding. */
export class FillMask extends entrypointOf(app) {}
