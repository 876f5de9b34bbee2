/** Builds the default model before any test runs, where it is not built yet. */
import type { TestProject } from 'vitest/node';

import { build } from '../models/build.ts';
import { selectedModel } from '../models/deployed.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The build of the model that wrangler.toml selects. */
    built: { folder: string; id: string; revision: string };
  }
}

export default async function buildModel(project: TestProject): Promise<void> {
  const { id } = selectedModel();
  const { folder, revision } = await build(id);
  project.provide('built', { folder, id, revision });
}
