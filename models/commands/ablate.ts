/** `ablate`: measures what each rounded part of a model costs, and what each step of its quantization gains, on running text. */
import { readCheckpoint } from '../build/build.ts';
import { ablate, partsOf } from '../evaluation/ablate.ts';
import { HELD_OUT_TEXT, readRunningText } from '../evaluation/running-text.ts';
import { type Command, percent } from './command.ts';
import { orSelected } from './selected.ts';
import { print } from './terminal.ts';

export const command: Command = {
  async run(model, { quick }) {
    const checkpoint = await readCheckpoint(orSelected(model));
    const { weights, tokenizer } = checkpoint;
    const positions = weights.config.max_position_embeddings;
    const { encodings } = await readRunningText(HELD_OUT_TEXT, tokenizer, positions, quick ? 1 : undefined);
    print('| rounded | clear first choices kept | divergence, nats |');
    print('| --- | ---: | ---: |');
    await ablate(weights, partsOf(checkpoint), encodings, (name, error) => {
      const clear = `${percent(error.clear_top1_agreement ?? 1)} ± ${percent(error.clear_top1_standard_error ?? 0)}`;
      print(`| ${name} | ${clear} | ${error.mean_kl.toFixed(6)} ± ${(error.mean_kl_standard_error ?? 0).toFixed(6)} |`);
    });
  },
};
