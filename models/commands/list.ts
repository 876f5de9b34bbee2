/** The command that shows what is where. */
import { join } from 'node:path';

import { withLocalBucket } from '../bucket/local.ts';
import { readIndex } from '../bucket/push.ts';
import { wranglerBucket } from '../bucket/wrangler.ts';
import {
  findBuilds,
  findCheckpoints,
  findDeployed,
  groupObjects,
  type Held,
  listIndex,
  printInventory,
} from '../inventory.ts';

const MODELS = join(import.meta.dirname, '..');

export async function listModels(remote: boolean): Promise<void> {
  const held: Held[] = [
    ...(await findCheckpoints(MODELS)),
    ...(await findBuilds()),
    ...groupObjects(await withLocalBucket((bucket) => bucket.list())),
    ...(remote ? listIndex(await readIndex(wranglerBucket())) : []),
    ...findDeployed(join(MODELS, '..', 'wrangler.toml')),
  ];
  console.log(printInventory(held));
}
