/** `convert`: writes what the bucket holds of a model to models/.build. */
import { convert } from '../build/convert.ts';
import { type Command, orSelected, parseBits, warnUnlessSelected } from './command.ts';

export const command: Command = {
  accepts: ['bits', 'force'],
  async run(model, { bits, force = false }) {
    const { id, revision, folder } = await convert(orSelected(model), {
      ...parseBits(bits),
      force,
      say: console.error,
    });
    console.log(`${id}@${revision} is in ${folder}`);
    warnUnlessSelected(id, revision);
  },
};
