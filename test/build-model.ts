/** Builds what is not committed before any test runs: the kernels, the page, and the default model where it is not built yet. */
import type { TestProject } from 'vitest/node';

import { build } from '../models/build.ts';
import { selectedModel } from '../models/deployed.ts';
import { BUILDS, compileKernels } from '../models/kernels.ts';
import { buildPage } from '../models/page.ts';
import type { ModelFile } from '../src/model/manifest.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The build of the model that wrangler.toml selects. */
    built: { folder: string; id: string; revision: string; files: (ModelFile | 'manifest.json')[] };
  }
}

export default async function buildModel(project: TestProject): Promise<void> {
  for (const name of BUILDS) await compileKernels(name);
  await buildPage();
  const { id } = selectedModel();
  const { folder, revision, manifest } = await build(id);
  const files = [...manifest.files.map(({ name }) => name), 'manifest.json' as const];
  project.provide('built', { folder, id, revision, files });
}
