/** `bench-geometry`: what candidate geometries cost to serve, with random weights. */
import { benchGeometries } from '../evaluation/geometry-cost.ts';
import type { Command } from './command.ts';
import { orSelected } from './selected.ts';
import { print, say } from './terminal.ts';

const mega = (count: number) => (count / 1e6).toFixed(1);
const ratio = (one: number, all = NaN) => (one / all).toFixed(2);

export const command: Command = {
  async run(model) {
    const costs = await benchGeometries(orSelected(model), say);
    const yardstick = costs.at(-1);
    print(
      '| H × layers | multiply-adds a token, M | F16, MB | int8, MB | WASM heap at 512, MB | 16 tokens, ms | ratio |',
    );
    print('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
    for (const { geometry, multiplyAdds, checkpointBytes, fileBytes, heapBytes, milliseconds } of costs) {
      const cells = [
        geometry,
        `${mega(multiplyAdds)} (${ratio(multiplyAdds, yardstick?.multiplyAdds)})`,
        ...[checkpointBytes, fileBytes, heapBytes].map(mega),
        milliseconds.toFixed(1),
        ratio(milliseconds, yardstick?.milliseconds),
      ];
      print(`| ${cells.join(' | ')} |`);
    }
  },
};
