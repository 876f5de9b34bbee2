/** `use`: selects the models that every environment of wrangler.toml serves. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { withModels } from '../bucket/config-file.ts';
import { findOrBuild } from '../convert/find-or-build.ts';
import { replaceFile } from '../hub/replace-file.ts';
import { type Command, requireModel } from './command.ts';
import { print, say } from './terminal.ts';

const CONFIG = join(import.meta.dirname, '../../wrangler.toml');

export const command: Command = {
  async run(first, _, others = []) {
    const names = new Set<string>();
    for (const model of [requireModel(first), ...others]) {
      const { id, revision } = (await findOrBuild(model, say)).manifest;
      names.add(`${id}@${revision}`);
    }
    const [model = '', ...more] = names;
    await replaceFile(CONFIG, withModels(await readFile(CONFIG, 'utf8'), model, more));
    const besides = more.length > 0 ? `, and MORE_MODELS is ${more.join(', ')},` : '';
    print(`MODEL is ${model}${besides} in every environment of wrangler.toml. To try it, and to publish it:

  npm start
  npm run deploy`);
  },
};
