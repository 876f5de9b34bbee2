/** `use`: selects the model that every environment of wrangler.toml serves. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { withModel } from '../bucket/config-file.ts';
import { findOrBuild } from '../convert/find-or-build.ts';
import { type Command, requireModel } from './command.ts';
import { print, say } from './terminal.ts';

const CONFIG = join(import.meta.dirname, '../../wrangler.toml');

export const command: Command = {
  async run(model) {
    const { id, revision } = (await findOrBuild(requireModel(model), say)).manifest;
    await writeFile(CONFIG, withModel(await readFile(CONFIG, 'utf8'), `${id}@${revision}`));
    print(`MODEL is ${id}@${revision} in every environment of wrangler.toml. To try it, and to publish it:

  npm start
  npm run deploy`);
  },
};
