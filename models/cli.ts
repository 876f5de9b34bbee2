/** npm run models -- <command>; see USAGE. */
import { parseArgs } from 'node:util';

import type { ConvertChoice } from './commands/bring.ts';
import { UsageError } from './commands/usage-error.ts';

const USAGE = `npm run models -- <command>

  add <hub-id | folder> [--revision R] [--id NAME] [--bits 4|8] [--force] [--remote]
             pull, convert, verify and push; done again, it does no harm. A folder that exists is a folder, anything
             else with one "/" a model of the Hugging Face Hub, as in google-bert/bert-base-uncased
  list [--remote]
             what is where: checkpoints, builds, the local bucket, what wrangler.toml deploys; the account's bucket

  pull <hub-id> [--revision R] [--id NAME]
             download the model to models/.pulled/<id>, going on where it was interrupted. HF_TOKEN is for models
             with a licence to accept, HF_ENDPOINT for another Hub
  convert [id | folder] [--bits 4|8] [--force]
             write what the bucket holds of a model to models/.build
  verify [id | folder] [--force]
             measure what quantization costs, against float32, and write it beside the checkpoint
  push [id | folder] [--remote]
             convert, and put it into the local bucket, or the account's, unless it is there

  evaluate [id | folder] --data <dir> [--full]
             how good the model is, as it is served and in float32, on BLiMP, ParaRel and running text: a seeded
             sample, or with --full everything
  quantization [id | folder] --data <dir>
             what each step of the quantization buys, on held-out text
  cost [id | folder]
             what candidate geometries would cost to serve, with random weights and the tokenizer of the model

--bits is of the weights in the layers. --force converts what fits no isolate, and takes what quantization harms too much.
Without an id: the model that wrangler.toml selects. BACKEND=onnxruntime means its environment of that name.`;

const OPTIONS = {
  bits: { type: 'string' },
  data: { type: 'string' },
  force: { type: 'boolean' },
  full: { type: 'boolean' },
  id: { type: 'string' },
  remote: { type: 'boolean' },
  revision: { type: 'string' },
} as const;
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

interface Command {
  /** Which options it understands. */
  readonly accepts: readonly (keyof typeof OPTIONS)[];
  /** @param model the argument, if there is one */
  readonly run: (model: string | undefined, options: Options) => Promise<void>;
}

// Each is loaded when it is asked for: wrangler alone takes seconds.
const bring = () => import('./commands/bring.ts');
const measure = () => import('./commands/measure.ts');
const selected = async () => (await import('./deployed.ts')).selectedModel().id;

const commands: Readonly<Record<string, Command>> = {
  add: {
    accepts: ['bits', 'force', 'id', 'remote', 'revision'],
    async run(model, { id, remote, revision, ...how }) {
      const choice = { id, remote, revision, ...readConvertChoice(how) };
      await (await bring()).addModel(given(model), choice);
    },
  },
  list: {
    accepts: ['remote'],
    async run(model, { remote = false }) {
      if (model !== undefined) throw new UsageError(`list takes no "${model}"`);
      await (await import('./commands/list.ts')).listModels(remote);
    },
  },
  pull: {
    accepts: ['id', 'revision'],
    async run(model, options) {
      await (await import('./commands/pull.ts')).pullModel(given(model), options);
    },
  },
  convert: {
    accepts: ['bits', 'force'],
    async run(model, options) {
      const choice = readConvertChoice(options);
      await (await bring()).convertModel(model ?? (await selected()), choice);
    },
  },
  verify: {
    accepts: ['force'],
    async run(model, { force = false }) {
      await (await bring()).verifyModel(model ?? (await selected()), force);
    },
  },
  push: {
    accepts: ['remote'],
    async run(model, { remote }) {
      await (await bring()).pushModel(model ?? (await selected()), remote ? 'remote' : 'local');
    },
  },
  evaluate: {
    accepts: ['data', 'full'],
    async run(model, { data, full = false }) {
      await (await measure()).printEvaluation(model ?? (await selected()), await dataFolder(data), full);
    },
  },
  quantization: {
    accepts: ['data'],
    async run(model, { data }) {
      await (await measure()).printQuantizationSteps(model ?? (await selected()), await dataFolder(data));
    },
  },
  cost: {
    accepts: [],
    async run(model) {
      await (await measure()).printCosts(model ?? (await selected()));
    },
  },
};

function given(model: string | undefined): string {
  if (model) return model;
  throw new UsageError('which model?');
}

function readConvertChoice({ bits, force = false }: Pick<Options, 'bits' | 'force'>): ConvertChoice {
  if (bits !== undefined && bits !== '4' && bits !== '8') throw new UsageError(`--bits is 4 or 8, not "${bits}"`);
  return { force, ...(bits && { bits: bits === '4' ? 4 : 8 }) };
}

async function dataFolder(data: string | undefined): Promise<string> {
  if (data) return data;
  throw new Error((await import('./evaluation/data.ts')).WHERE_FROM);
}

function parseCommand(): { command: Command; model: string | undefined; options: Options } {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  const { positionals, values } = parsed;
  const [name = '', model, ...more] = positionals;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(name ? `there is no command "${name}"` : 'which command?');
  if (more.length > 0) throw new UsageError(`${name} takes no "${more.join(' ')}"`);
  const accepted: readonly string[] = command.accepts;
  const other = Object.keys(values).find((option) => !accepted.includes(option));
  if (other) throw new UsageError(`${name} takes no --${other}`);
  return { command, model, options: values };
}

try {
  const { command, model, options } = parseCommand();
  await command.run(model, options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UsageError) console.error(`\n${USAGE}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
