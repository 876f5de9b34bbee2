/** `measure`: measures the quantization error of a model and writes it beside the checkpoint. */
import type { Build } from '../build/build.ts';
import { CLEAR_LEAD } from '../evaluation/agreement.ts';
import { measure } from '../convert/measure.ts';
import { type Command, percent } from './command.ts';
import { progressBar } from './progress.ts';
import { orSelected, warnUnlessSelected } from './selected.ts';
import { print } from './terminal.ts';

export const command: Command = {
  async run(model, { force = false }) {
    const { id, revision } = await printMeasurement(orSelected(model), force);
    warnUnlessSelected(id, revision);
  },
};

/**
 * @param model an id, or the path of a checkpoint
 * @param force accepts a model whose quantization error is too large
 */
export async function printMeasurement(model: string, force = false): Promise<Build> {
  const build = await measure(model, progressBar('measured'), force);
  print(`${build.id}@${build.revision}`);
  for (const [name, { text, ...probes }] of Object.entries(build.errors)) {
    for (const [what, error] of Object.entries({ probes, ...(text && { 'running text': text }) })) {
      const { clear_top1_agreement: clear = 0, clear_top1_standard_error: spread = 0 } = error;
      print(
        `${name}, ${what}: same first choice as float32: ${percent(clear)} ± ${(100 * spread).toFixed(2)} of ${error.clear_masks} masks ` +
          `where that of float32 leads by ${CLEAR_LEAD} logits or more, ${percent(error.top1_agreement)} of ${error.masks} overall; ` +
          `divergence ${error.mean_kl} ± ${error.mean_kl_standard_error} nats, largest difference of a score ${error.max_score_error}`,
      );
    }
  }
  return build;
}
