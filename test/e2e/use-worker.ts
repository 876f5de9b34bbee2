import { afterAll, beforeAll, inject } from 'vitest';

import { deploy, type Deployed } from '../deployed.ts';

/**
 * A deployed worker for the tests of a file or of a `describe`.
 * @returns its URL, known once a test runs
 */
export function useWorker(options: Parameters<typeof deploy>[1] = {}): Pick<Deployed, 'url'> {
  let worker: Deployed | undefined;
  beforeAll(async () => {
    worker = await deploy(inject('built'), options);
  });
  afterAll(() => worker?.close());
  return {
    get url() {
      if (!worker) throw new Error('the worker has not started');
      return worker.url;
    },
  };
}
