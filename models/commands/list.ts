/** `list`: shows where each revision is. */
import { join } from 'node:path';

import { withLocalBucket } from '../bucket/local.ts';
import { readIndex } from '../bucket/push.ts';
import { accountBucket } from '../account/bucket.ts';
import { findTarget } from '../account/worker.ts';
import { selectedEnvironment } from '../bucket/deployed.ts';
import {
  findAdded,
  findBuilds,
  findCheckpoints,
  findDeployed,
  groupObjects,
  type Held,
  listIndex,
  printInventory,
} from '../bucket/inventory.ts';

import type { Command } from './command.ts';
import { print } from './terminal.ts';

const MODELS = join(import.meta.dirname, '..');

export const command: Command = {
  async run(_, { remote = false }) {
    await listModels(remote);
  },
};

async function listModels(remote: boolean): Promise<void> {
  const held: Held[] = [
    ...(await findCheckpoints(MODELS)),
    ...(await findAdded()),
    ...(await findBuilds()),
    ...groupObjects(await withLocalBucket((bucket) => bucket.list())),
    ...(remote ? listIndex(await readAccountIndex()) : []),
    ...findDeployed(join(MODELS, '..', 'wrangler.toml')),
  ];
  print(printInventory(held));
}

async function readAccountIndex(): ReturnType<typeof readIndex> {
  const target = await findTarget(selectedEnvironment(), { fetch });
  return readIndex(accountBucket(target));
}
