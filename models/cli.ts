/** npm run models -- <command> [id]; see USAGE. */
import { parseArgs } from 'node:util';

import { CLEAR_LEAD } from './agreement.ts';
import { build } from './build.ts';
import { selectedBackend, selectedModel } from './deployed.ts';
import { evaluate } from './evaluate.ts';
import { WHERE_FROM } from './evaluation/data.ts';
import { printTable, worseThan } from './evaluation/table.ts';
import { pushLocally } from './local-bucket.ts';
import { geometryCosts } from './geometry-cost.ts';
import { quantizationSteps } from './quantization-steps.ts';
import { verify } from './verify.ts';

const USAGE = `npm run models -- <command> [id]

  verify     measure what quantization costs, against float32, and write it beside the checkpoint
  evaluate   --data <dir> [--full]: how good the model is, as it is served and in float32, on BLiMP, ParaRel and
             running text: a seeded sample, or with --full everything
  quantization --data <dir>: what each step of the quantization buys, on held-out text
  cost       what candidate geometries would cost to serve, with random weights and the tokenizer of the model
  build      write what the bucket holds of a model to models/.build
  push       build, and put it into the local bucket unless it is there

Without an id: the model that wrangler.toml selects. BACKEND=onnxruntime means its environment of that name.`;

/** For int8 against float32, in points or in hundredths of a bit. */
const MOST_WORSE = 0.5;
const BAR_WIDTH = 40;

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
const many = (count: number) => count.toLocaleString('en');
const mega = (count: number) => (count / 1e6).toFixed(1);
const ratio = (one: number, all = NaN) => (one / all).toFixed(2);

const commands: Record<string, (id: string, options: { data?: string; full?: boolean }) => Promise<void>> = {
  async verify(id) {
    const { revision, errors } = await verify(id, (done, of) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done}/${of} texts${done === of ? '\n' : ''}`);
    });
    console.log(`${id}@${revision}`);
    for (const [name, error] of Object.entries(errors)) {
      console.log(
        `${name}: first choice as in float32: ${percent(error.clear_top1_agreement ?? 0)} of ${error.clear_masks} masks ` +
          `where float32's leads by ${CLEAR_LEAD} logits or more, ${percent(error.top1_agreement)} of ${error.masks} overall; ` +
          `divergence ${error.mean_kl} nats, largest difference of a score ${error.max_score_error}`,
      );
    }
    warnUnlessSelected(id, revision);
  },
  async evaluate(id, { data, full = false }) {
    if (!data) throw new Error(WHERE_FROM);
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
  },
  async quantization(id, { data }) {
    if (!data) throw new Error(WHERE_FROM);
    console.log('| | bytes | first choice as in float32, clear | overall | words right | bits per character |');
    console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
    await quantizationSteps(id, data, ({ name, bytes, clear, all, right, bits_per_character: bits }) => {
      const cells = [name, many(bytes), percent(clear), percent(all), percent(right), bits.toFixed(4)];
      console.log(`| ${cells.join(' | ')} |`);
    });
  },
  async cost(id) {
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
  },
  async build(id) {
    const { revision, folder } = await build(id);
    console.log(`${id}@${revision} is in ${folder}`);
    warnUnlessSelected(id, revision);
  },
  async push(id) {
    const built = await build(id);
    const written = await pushLocally(built);
    console.log(`${id}@${built.revision} ${written ? 'was put into' : 'is already in'} the local bucket`);
    warnUnlessSelected(id, built.revision);
  },
};

function warnUnlessSelected(id: string, revision: string): void {
  const selected = selectedModel();
  if (selected.id !== id || selected.revision !== revision) {
    console.log(
      `wrangler.toml selects ${selected.id}@${selected.revision}: set MODEL to ${id}@${revision} to serve this one`,
    );
  }
}

/** Redraws one line on a terminal; elsewhere says every tenth. */
function progressBar(): (share: number) => void {
  let shown = -1;
  return (share) => {
    const step = Math.floor(share * (process.stderr.isTTY ? 1000 : 10));
    if (step === shown) return;
    shown = step;
    if (!process.stderr.isTTY) {
      process.stderr.write(`${10 * step} %\n`);
      return;
    }
    const done = Math.floor(share * BAR_WIDTH);
    const bar = '█'.repeat(done) + '░'.repeat(BAR_WIDTH - done);
    process.stderr.write(`\r${bar} ${(100 * share).toFixed(1)} %${share === 1 ? '\n' : ''}`);
  };
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { data: { type: 'string' }, full: { type: 'boolean' } },
  });
  const [name = '', id = selectedModel().id] = positionals;
  const command = commands[name];
  if (command) await command(id, values);
  else {
    console.error(USAGE);
    process.exitCode = 2;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
