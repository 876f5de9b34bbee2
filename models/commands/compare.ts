/** `compare`: compares the tokenizer and the logits of a checkpoint with those of `transformers`. */
import { compare, TOLERANCE } from '../evaluation/compare.ts';
import { type Command, requireModel } from './command.ts';
import { print } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const command: Command = {
  async run(model, { python }) {
    if (!python) throw new UsageError('name a Python with transformers and torch: --python <path>');
    const compared = await compare([{ model: requireModel(model) }], python);
    for (const { transformers, tokenizer, texts, offsets, masks, largest, difference, ties } of compared) {
      print(`compared with transformers ${transformers} (${tokenizer}): ${texts} texts, ${masks} masks`);
      if (difference) throw new Error(`The first difference: ${difference}`);
      const most = TOLERANCE.toExponential(0);
      print(`Same ids in all texts, and same offsets in the ${offsets} whose masks are spelled as the tokenizer spells them.
Same first choice at ${masks - ties.length} of ${masks} masks; the logits of the first choices differ by ${largest.toExponential(1)} at most (${most} is allowed).`);
      for (const tie of ties) print(`Nearly a tie: ${tie}`);
    }
  },
};
