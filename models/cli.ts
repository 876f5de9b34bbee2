/** npm run models -- verify | build | push [id]; without an id, the model that wrangler.toml selects. */
import { build } from './build.ts';
import { selectedModel } from './deployed.ts';
import { pushLocally } from './local-bucket.ts';
import { verify } from './verify.ts';

const USAGE = `npm run models -- <command> [id]

  verify   measure what quantization costs, against float32, and write it beside the checkpoint
  build    write what the bucket holds of a model to models/.build
  push     build, and put it into the local bucket unless it is there

Without an id: the model that wrangler.toml selects.`;

const commands: Record<string, (id: string) => Promise<void>> = {
  async verify(id) {
    const { revision, error } = await verify(id, (done, of) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done}/${of} texts${done === of ? '\n' : ''}`);
    });
    console.log(`${id}@${revision}`);
    console.log(`first choice as in float32: ${(100 * error.top1_agreement).toFixed(2)} % of ${error.masks} masks`);
    console.log(`divergence: ${error.mean_kl} nats; largest difference of a score: ${error.max_score_error}`);
    warnUnlessSelected(id, revision);
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

const [name = '', id = selectedModel().id] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    await command(id);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
