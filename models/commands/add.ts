/** `add`: pulls, converts, measures and pushes a model in one step. */
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';

import type { Built } from '../bucket/built.ts';
import { ownFolder } from '../build/build.ts';
import { addedFolder } from '../hub/added.ts';
import { convert, type ConvertOptions } from '../convert/convert.ts';
import { stopSignal } from './arguments.ts';
import { type Command, parseConvert, requireModel } from './command.ts';
import { isHubId, type PullChoice, pullModel } from './pull.ts';
import { progressBar } from './progress.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const command: Command = {
  async run(model, options) {
    const { force = false, id, remote, revision } = options;
    await addModel(requireModel(model), { ...parseConvert(options), force, id, remote, revision });
  },
};

/**
 * @param model a folder, or `<owner>/<name>` on the Hub
 * @param state the folder of the local bucket, if not that of `npm start`
 */
export async function addModel(
  model: string,
  choice: PullChoice & Omit<ConvertOptions, 'say'> & { remote?: boolean | undefined },
  state?: string,
): Promise<Built> {
  const { revision: commit, id: name, remote, ...how } = choice;
  const found = statSync(model, { throwIfNoEntry: false });
  const isFolder = found?.isDirectory() ?? false;
  if (found && !isFolder) throw new UsageError(`${model} is a file: name the folder of the checkpoint`);
  if (!isFolder && !isHubId(model)) {
    throw new UsageError(`there is no folder ${model}; a model of the Hub is named <owner>/<name>`);
  }
  if (isFolder && (commit ?? name)) throw new UsageError('--revision and --id belong to a model of the Hub');
  if (isFolder) requireFreeId(resolve(model));
  // Both load wrangler.
  const { printMeasurement } = await import('./measure.ts');
  const { pushBuilt, pushRemote } = await import('./push.ts');
  const folder = isFolder ? resolve(model) : await pullModel(model, { revision: commit, id: name });
  await convert(folder, { ...how, say, progress: progressBar('calibrated') });
  const built = await printMeasurement(folder, how.force);
  await pushBuilt(built, state);
  if (remote) await pushRemote(built, stopSignal());
  const { id, revision } = built;
  print(`
To serve it on this machine, or from your account:

  npm start -- --model ${id}@${revision}
  npm run deploy -- --model ${id}@${revision}

To make it the model of wrangler.toml: npm run models -- use ${id}@${revision}`);
  return built;
}

/** @throws when another checkpoint has the id that the folder would have: later commands would find that one */
function requireFreeId(folder: string): void {
  const id = basename(folder).toLowerCase();
  const own = ownFolder(id);
  if (own === undefined || own === folder) {
    const before = addedFolder(id);
    if (own === undefined && before !== undefined && before !== folder) say(`${id} was ${before}; it is now ${folder}`);
    return;
  }
  throw new Error(`${own} has the id ${id} already: rename the folder ${folder}, whose name becomes its id`);
}
