/** Builds what is not committed before any test runs: the kernels, the page, and the default model where it is not built yet. */
import type { TestProject } from 'vitest/node';

import { BUILDS, compileKernels } from '../src/inference/compile-kernels.ts';
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
  await buildPage();
  project.provide('built', await buildSelected());
}
