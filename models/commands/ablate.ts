/** `ablate`: measures what each step of the quantization gains, on held-out text. */
import { ablate } from '../evaluation/ablate.ts';
import { WHERE_FROM } from '../evaluation/data.ts';
import { type Command, percent, withCommas } from './command.ts';
import { orSelected } from './selected.ts';
import { print } from './terminal.ts';

export const command: Command = {
  accepts: ['data'],
  async run(model, { data }) {
    if (!data) throw new Error(WHERE_FROM);
    print('| | bytes | same clear first choice as float32 | overall | words right | bits per character |');
    print('| --- | ---: | ---: | ---: | ---: | ---: |');
    await ablate(orSelected(model), data, ({ name, bytes, clear, all, right, bits_per_character: bits }) => {
      const cells = [name, withCommas(bytes), percent(clear), percent(all), percent(right), bits.toFixed(4)];
      print(`| ${cells.join(' | ')} |`);
    });
  },
};
