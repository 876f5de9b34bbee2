/** `convert`: builds the files of a model for the bucket in models/.build. */
import { convert } from '../convert/convert.ts';
import { type Command, parseConvert } from './command.ts';
import { progressBar } from './progress.ts';
import { orSelected, warnUnlessSelected } from './selected.ts';
import { print, say } from './terminal.ts';

export const command: Command = {
  async run(model, options) {
    const { id, revision, folder } = await convert(orSelected(model), {
      ...parseConvert(options),
      force: options.force ?? false,
      say,
      progress: progressBar('calibrated'),
    });
    print(`${id}@${revision} is in ${folder}`);
    warnUnlessSelected(id, revision);
  },
};
