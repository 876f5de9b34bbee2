/** npm run models -- <command>; see COMMANDS. */
import { parseArgs } from 'node:util';

import { parseStrictly, endByError } from './commands/arguments.ts';
import { type Command, OPTIONS, parseConvert } from './commands/command.ts';
import { print } from './commands/terminal.ts';
import { UsageError } from './commands/usage-error.ts';

type Option = keyof typeof OPTIONS;

interface Described {
  /** Its argument, as the usage shows it. */
  readonly takes: string;
  readonly does: string;
  readonly accepts: readonly Option[];
  /** Whether it takes more than one model. */
  readonly takesSeveral?: boolean;
  /** It loads when it is used, since wrangler alone takes seconds. */
  readonly load: () => Promise<{ command: Command }>;
}

/** In the order of the list of commands. */
const COMMANDS: Readonly<Record<string, Described>> = {
  add: {
    takes: '<hub-id | folder>',
    does: `pull, convert, measure and push, with --remote to the bucket of the account too. It can be repeated. The name of an existing folder is a folder; any other
name with one "/" is a model of the Hugging Face Hub, such as google-bert/bert-base-uncased`,
    accepts: ['revision', 'id', 'backend', 'bits', 'outliers', 'text', 'keep-vocabulary', 'force', 'remote'],
    load: () => import('./commands/add.ts'),
  },
  list: {
    takes: '',
    does: 'show checkpoints, builds, the local bucket and what wrangler.toml deploys; with --remote the bucket of the account too',
    accepts: ['remote'],
    load: () => import('./commands/list.ts'),
  },
  pull: {
    takes: '<hub-id>',
    does: `download a model to models/.pulled/<id>, and resume an interrupted download. HF_TOKEN is for gated models,
HF_ENDPOINT for another Hub`,
    accepts: ['revision', 'id'],
    load: () => import('./commands/pull.ts'),
  },
  convert: {
    takes: '[id | folder]',
    does: `build the files of a model for the bucket in models/.build. The first time, or with --outliers or --text, choose
the outlier channels and write them to calibration.json beside the checkpoint`,
    accepts: ['backend', 'bits', 'outliers', 'text', 'keep-vocabulary', 'force'],
    load: () => import('./commands/convert.ts'),
  },
  measure: {
    takes: '[id | folder]',
    does: 'measure the quantization error against float32, on the probes and on running text, and write it beside the checkpoint',
    accepts: ['force'],
    load: () => import('./commands/measure.ts'),
  },
  push: {
    takes: '[id | id@revision | folder]',
    does: 'convert if the checkpoint is here, and upload the model to the local bucket, or with --remote to that of the account',
    accepts: ['remote'],
    load: () => import('./commands/push.ts'),
  },
  use: {
    takes: '<id | id@revision> [more…]',
    does: 'set MODEL in every environment of wrangler.toml, and MORE_MODELS to the models after the first',
    takesSeveral: true,
    accepts: [],
    load: () => import('./commands/use.ts'),
  },
  compare: {
    takes: '<id | folder> --python <path>',
    does: `compare a checkpoint with transformers in that Python, and print the first difference in ids, offsets, logits
and first choices on the probe texts`,
    accepts: ['python'],
    load: () => import('./commands/compare.ts'),
  },
  evaluate: {
    takes: '[id | folder] --data <dir>',
    does: `measure a model on BLiMP, ParaRel and running text, as served and in float32: on a seeded sample, or with
--full on everything, with --quick on a quarter of the sample`,
    accepts: ['data', 'full', 'quick'],
    load: () => import('./commands/evaluate.ts'),
  },
  ablate: {
    takes: '[id | folder]',
    does: `measure what each rounded part of a model costs, and what each step of its quantization gains, on the text that
ships; with --quick on a seventh of it`,
    accepts: ['quick'],
    load: () => import('./commands/ablate.ts'),
  },
  'bench-geometry': {
    takes: '[id | folder]',
    does: 'measure what candidate geometries cost to serve, with random weights and the tokenizer of the model',
    accepts: [],
    load: () => import('./commands/bench-geometry.ts'),
  },
};

/** How an option is written, and what it means, for each command that accepts it. */
const MEANINGS: Readonly<Record<Option, readonly [written: string, means: string]>> = {
  backend: ['--backend B', 'what it is built for: engine, onnxruntime or both; as before, or the engine, if not given'],
  bits: ['--bits 4|8', 'the size of the weights in the layers; as before, or 8, if not given'],
  data: ['--data DIR', 'the folder of the evaluation sets; without it, the command prints where to get them'],
  force: ['--force', 'take a model that does not fit an isolate, or whose quantization error is too large'],
  full: ['--full', 'everything instead of a sample'],
  id: ['--id NAME', 'the local id; if not given, the name on the Hub in lower case'],
  'keep-vocabulary': [
    '--keep-vocabulary FILE',
    'trim the vocabulary to the pieces of a text, or to those that a file lists',
  ],
  outliers: [
    '--outliers SHARE',
    'extra work in the layers for outlier channels, at most; 0.08, or 0.4 with 4 bits, if not given',
  ],
  python: ['--python PATH', 'a Python with transformers and torch'],
  quick: ['--quick', 'a part of the sample'],
  remote: ['--remote', 'the bucket of the account'],
  revision: ['--revision R', 'a branch, a tag or a commit on the Hub'],
  text: ['--text FILE', 'a calibration text with one paragraph per line, instead of the one that ships'],
};

const LIST = `npm run models -- <command>

${Object.entries(COMMANDS)
  .map(([name, { takes }]) => `  ${name} ${takes}`.trimEnd())
  .join('\n')}

"npm run models -- help <command>" explains one. Where a model is in brackets, the default is the one that wrangler.toml selects;
BACKEND=onnxruntime selects the environment of that name.`;

function usageOf(name: string, { takes, does, accepts }: Described): string {
  const lines = accepts.map((option) => MEANINGS[option]);
  const width = Math.max(0, ...lines.map(([written]) => written.length));
  const options = lines.map(([written, means]) => `\n  ${written.padEnd(width)}  ${means}`).join('');
  return `${`npm run models -- ${name} ${takes}`.trimEnd()}\n\n${does}${options && `\n${options}`}`;
}

/** Renamed commands: the error for an old name gives the new one. */
const RENAMED: Readonly<Record<string, string>> = { verify: 'measure', quantization: 'ablate', cost: 'bench-geometry' };

/** @throws if there is no such command */
function find(name: string): Described {
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found) return found;
  if (Object.hasOwn(RENAMED, name)) throw new UsageError(`the command ${name} is now ${RENAMED[name]}`);
  throw new UsageError(name ? `there is no command "${name}"` : 'name a command');
}

/** What is wrong in it is said below the usage of the command that it names. */
let usage = LIST;

async function run(): Promise<void> {
  const options = { ...OPTIONS, help: { type: 'boolean', short: 'h' } } as const;
  // Where an option is wrong, the command is found nevertheless.
  const [first = '', ...others] = parseArgs({ allowPositionals: true, strict: false, options }).positionals;
  const isHelp = first === 'help';
  const name = isHelp ? (others[0] ?? '') : first;
  const described = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (described) usage = usageOf(name, described);

  const { values, positionals } = parseStrictly(options);
  if (isHelp || values.help) {
    if (name) find(name);
    print(usage);
    return;
  }
  const { takes, accepts, load, takesSeveral = false } = find(name);
  const [, model, ...more] = positionals;
  if (model !== undefined && takes === '') throw new UsageError(`${name} does not accept "${model}"`);
  if (more.length > 0 && !takesSeveral) throw new UsageError(`${name} does not accept "${more.join(' ')}"`);
  const other = Object.keys(values).find((option) => !(accepts as readonly string[]).includes(option));
  if (other) throw new UsageError(`${name} does not accept --${other}`);
  // Before the command loads wrangler.
  parseConvert(values);
  const { command } = await load();
  await command.run(model, values, more);
}

try {
  await run();
} catch (error) {
  endByError(error, usage);
}
