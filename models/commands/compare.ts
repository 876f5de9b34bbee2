/** `compare`: compares the tokenizer and the logits of a checkpoint with those of `transformers`. */
import { compare } from '../evaluation/compare.ts';
import { type Command, requireModel } from './command.ts';
import { print } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const command: Command = {
  async run(model, { python }) {
    if (!python) throw new UsageError('name a Python with transformers and torch: --python <path>');
    const compared = await compare([{ model: requireModel(model) }], python);
    for (const { transformers, tokenizer, texts, masks, largest, difference } of compared) {
      print(`compared with transformers ${transformers} (${tokenizer}): ${texts} texts, ${masks} masks`);
      if (difference) throw new Error(`The first difference: ${difference}`);
      print(`Same ids, offsets and first choices; logits within ${largest.toExponential(1)}.`);
    }
  },
};
