/** One worker for all files of tests. None without a browser: then the tests are skipped. */
import type { TestProject } from 'vitest/node';

import buildModel from '../build-model.ts';
import { deploy } from '../deployed.ts';
import { executablePath } from './launch.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the worker. */
    origin: string;
  }
}

export default async function setUp(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  await buildModel(project);
  if (!executablePath) return undefined;
  const server = await deploy(project.getProvidedContext().built);
  project.provide('origin', server.url.origin);
  return () => server.close();
}
