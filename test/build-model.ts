/** Builds what is not committed: the kernels, the page and the default model, unless they are up to date. */
import type { TestProject } from 'vitest/node';

import { BUILDS, compileKernels, selectKernels } from '../src/inference/compile-kernels.ts';
import { buildPage } from '../src/page/bundle.ts';
import { buildSelected, type Built } from './deployed.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The build of the model that wrangler.toml selects. */
    built: Built;
  }
}

export default async function buildModel(project: TestProject): Promise<void> {
  for (const name of BUILDS) await compileKernels(name);
  await selectKernels('relaxed');
  await buildPage();
  project.provide('built', await buildSelected());
}
