/** The commands that measure a model and print what they found. */
import { CLEAR_LEAD } from '../agreement.ts';
import type { Build } from '../build.ts';
import { selectedBackend } from '../deployed.ts';
import { evaluate } from '../evaluate.ts';
import { printTable, worseThan } from '../evaluation/table.ts';
import { geometryCosts } from '../geometry-cost.ts';
import { progressBar } from '../progress.ts';
import { quantizationSteps } from '../quantization-steps.ts';
import { verify } from '../verify.ts';

/** For int8 against float32, in points or in hundredths of a bit. */
const MOST_WORSE = 0.5;

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
const many = (count: number) => count.toLocaleString('en');
const mega = (count: number) => (count / 1e6).toFixed(1);
const ratio = (one: number, all = NaN) => (one / all).toFixed(2);

/**
 * @param model an id or the path of a checkpoint
 * @param force takes a model of which too little survives, too
 */
export async function printVerification(model: string, force = false): Promise<Build> {
  const build = await verify(
    model,
    (done, of) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done}/${of} texts${done === of ? '\n' : ''}`);
    },
    force,
  );
  console.log(`${build.id}@${build.revision}`);
  for (const [name, error] of Object.entries(build.errors)) {
    console.log(
      `${name}: first choice as in float32: ${percent(error.clear_top1_agreement ?? 0)} of ${error.clear_masks} masks ` +
        `where float32's leads by ${CLEAR_LEAD} logits or more, ${percent(error.top1_agreement)} of ${error.masks} overall; ` +
        `divergence ${error.mean_kl} nats, largest difference of a score ${error.max_score_error}`,
    );
  }
  return build;
}

export async function printEvaluation(id: string, data: string, full: boolean): Promise<void> {
  const evaluation = await evaluate(id, { data, full, progress: progressBar() });
  const { revision, singlePiece } = evaluation;
  const { clear, all } = evaluation.agreement;
  console.log(
    `${id}@${revision}, int8 by ${selectedBackend()}, ${full ? 'everything' : 'a seeded sample'}; ± is the standard error\n`,
  );
  console.log(printTable(evaluation));
  console.log(`
First choice as in float32: ${percent(clear.same / clear.of)} of ${many(clear.of)} masks where float32's leads by ${CLEAR_LEAD} logits or more,
${percent(all.same / all.of)} of ${many(all.of)} masks overall.
${many(singlePiece.facts)} of ${many(singlePiece.of)} facts have an answer of one piece and can be asked.`);
  const worse = worseThan(evaluation, MOST_WORSE);
  console.log(
    worse.length > 0
      ? `int8 is worse than float32 by more than ${MOST_WORSE} points in: ${worse.join('; ')}.`
      : `int8 is nowhere worse than float32 by more than ${MOST_WORSE} points.`,
  );
}

export async function printQuantizationSteps(id: string, data: string): Promise<void> {
  console.log('| | bytes | first choice as in float32, clear | overall | words right | bits per character |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  await quantizationSteps(id, data, ({ name, bytes, clear, all, right, bits_per_character: bits }) => {
    const cells = [name, many(bytes), percent(clear), percent(all), percent(right), bits.toFixed(4)];
    console.log(`| ${cells.join(' | ')} |`);
  });
}

export async function printCosts(id: string): Promise<void> {
  const costs = await geometryCosts(id, (what) => console.error(what));
  const yardstick = costs.at(-1);
  console.log(
    '| H × layers | multiply-adds a token, M | F16, MB | int8, MB | WASM heap at 512, MB | 16 tokens, ms | ratio |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const { geometry, multiplyAdds, checkpointBytes, fileBytes, heapBytes, milliseconds } of costs) {
    const cells = [
      geometry.replace('x', ' × '),
      `${mega(multiplyAdds)} (${ratio(multiplyAdds, yardstick?.multiplyAdds)})`,
      ...[checkpointBytes, fileBytes, heapBytes].map(mega),
      milliseconds.toFixed(1),
      ratio(milliseconds, yardstick?.milliseconds),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
