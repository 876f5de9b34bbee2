/** npm run models -- <command>; see USAGE. */
import { parseArgs } from 'node:util';

import { type Command, OPTIONS } from './commands/command.ts';
import { print, say } from './commands/terminal.ts';
import { UsageError } from './commands/usage-error.ts';

const USAGE = `npm run models -- <command>

  add <hub-id | folder> [--revision R] [--id NAME] [--backend engine|onnxruntime|both] [--bits 4|8] [--outliers SHARE]
      [--text FILE] [--keep-vocabulary FILE] [--force] [--remote]
             pull, convert, measure and push. It can be repeated. The name of an existing folder is a folder; any other
             name with one "/" is a model of the Hugging Face Hub, such as google-bert/bert-base-uncased
  list [--remote]
             show checkpoints, builds, the local bucket and what wrangler.toml deploys; with --remote the bucket of the account

  pull <hub-id> [--revision R] [--id NAME]
             download a model to models/.pulled/<id>, and resume an interrupted download. HF_TOKEN is for gated models,
             HF_ENDPOINT for another Hub
  convert [id | folder] [--backend engine|onnxruntime|both] [--bits 4|8] [--outliers SHARE] [--text FILE]
      [--keep-vocabulary FILE] [--force]
             build the files of a model for the bucket in models/.build. The first time, or with --outliers or --text, choose
             the outlier channels and write them to calibration.json beside the checkpoint
  measure [id | folder] [--force]
             measure the quantization error against float32, on the probes and on running text, and write it beside the checkpoint
  push [id | id@revision | folder] [--remote]
             convert if the checkpoint is here, and upload the model to the local bucket, or with --remote to that of the account
  use <id | id@revision>
             set MODEL in every environment of wrangler.toml

  compare <id | folder> --python <path>
             compare a checkpoint with transformers in that Python, and print the first difference in ids, offsets, logits
             and first choices on the probe texts
  evaluate [id | folder] --data <dir> [--full | --quick]
             measure a model on BLiMP, ParaRel and running text, as served and in float32: on a seeded sample, or with
             --full on everything, with --quick on a quarter of the sample
  ablate [id | folder] [--quick]
             measure what each rounded part of a model costs, and what each step of its quantization gains, on the text that
             ships; with --quick on a seventh of it
  bench-geometry [id | folder]
             measure what candidate geometries cost to serve, with random weights and the tokenizer of the model

--backend is what the model is built for: the engine, unless another is named. Later commands remember it. --bits is the
size of the weights in the layers. --outliers limits the extra work in the layers for outlier channels (default 0.08, or 0.4 with
--bits 4). --text is a calibration text with one paragraph per line. --keep-vocabulary trims the vocabulary to the pieces of a text, or to those
that a file lists. --force converts a model that does not fit an isolate, and accepts one
whose quantization error is too large. The default model is the one that wrangler.toml selects. BACKEND=onnxruntime
selects the environment of that name.`;

/** Each command loads when it is used, since wrangler alone takes seconds. */
const COMMANDS: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  add: () => import('./commands/add.ts'),
  list: () => import('./commands/list.ts'),
  pull: () => import('./commands/pull.ts'),
  convert: () => import('./commands/convert.ts'),
  measure: () => import('./commands/measure.ts'),
  use: () => import('./commands/use.ts'),
  push: () => import('./commands/push.ts'),
  compare: () => import('./commands/compare.ts'),
  evaluate: () => import('./commands/evaluate.ts'),
  ablate: () => import('./commands/ablate.ts'),
  'bench-geometry': () => import('./commands/bench-geometry.ts'),
};

/** Renamed commands: the error for an old name gives the new one. */
const RENAMED: Readonly<Record<string, string>> = { verify: 'measure', quantization: 'ablate', cost: 'bench-geometry' };

async function run(): Promise<void> {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { ...OPTIONS, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  const { positionals, values } = parsed;
  if (values.help) {
    print(USAGE);
    return;
  }
  const [name = '', model, ...more] = positionals;
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) {
    if (Object.hasOwn(RENAMED, name)) throw new UsageError(`the command ${name} is now ${RENAMED[name]}`);
    throw new UsageError(name ? `there is no command "${name}"` : 'name a command');
  }
  if (more.length > 0) throw new UsageError(`${name} does not accept "${more.join(' ')}"`);
  const { command } = await load();
  const accepted: readonly string[] = command.accepts;
  const other = Object.keys(values).find((option) => !accepted.includes(option));
  if (other) throw new UsageError(`${name} does not accept --${other}`);
  await command.run(model, values);
}

try {
  await run();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  if (error instanceof UsageError) say(`\n${USAGE}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
