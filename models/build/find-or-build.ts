/** Finds the build of a model, or builds its checkpoint. Reads and writes files. */
import { type Built, findBuild, findNewestBuild } from '../bucket/built.ts';
import { hasCheckpoint } from './build.ts';
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
    const built = await convert(id, { say });
    if (revision === undefined || built.revision === revision) return built;
    const now = `${id}@${built.revision}`;
    throw new Error(`${id} builds to ${now}, not to ${model}. To serve that one: npm run models -- use ${now}`);
  }
  // A model that was added from a folder has its checkpoint elsewhere, and only its build here.
  const newest = revision === undefined ? await findNewestBuild(id) : undefined;
  if (newest) return newest;
  throw new Error(`there is neither a checkpoint nor a build of ${model}: see npm run models -- list`);
}
