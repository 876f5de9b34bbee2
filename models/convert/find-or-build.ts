/** Finds the build of a model, or builds its checkpoint. Reads and writes files. */
import type { WeightsFile } from '../../src/inference/backend.ts';
import { type Built, findBuild, findNewestBuild } from '../bucket/built.ts';
import { buildMeasured, hasCheckpoint } from '../build/build.ts';
import { convert } from './convert.ts';

/**
 * @param model an id, `<id>@<revision>`, or the path of a folder
 * @param say is given each line that a person should read
 * @throws when there is neither a build nor a checkpoint of it
 */
export async function findOrBuild(model: string, say: (line: string) => void): Promise<Built> {
  const [id = '', revision] = model.includes('/') ? [model] : model.split('@');
  const found = revision === undefined ? undefined : await findBuild(id, revision);
  if (found) return found;
  if (hasCheckpoint(id)) {
    // As it was measured, if it was: `convert` may choose other outlier channels, which makes another revision.
    const built = (await buildMeasured(id)) ?? (await convert(id, { say }));
    if (revision === undefined || built.revision === revision) return built;
    const now = `${id}@${built.revision}`;
    throw new Error(`${id} builds to ${now}, not to ${model}. To serve that one: npm run models -- use ${now}`);
  }
  // The folder that it was built from may be gone.
  const newest = revision === undefined ? await findNewestBuild(id) : undefined;
  if (newest) return newest;
  throw new Error(`there is neither a checkpoint nor a build of ${model}: see npm run models -- list`);
}

/** @throws when a build was made for other backends than the one that reads this file */
export function requireWeights({ manifest: { id, revision, files } }: Built, name: WeightsFile): void {
  if (files.some((file) => file.name === name)) return;
  throw new Error(
    `${id}@${revision} has no ${name}: convert and measure it with --backend both, and use what that builds`,
  );
}
