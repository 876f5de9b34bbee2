/** The commands that bring a checkpoint to where it is served, and say what they did. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';

import type { Built } from '../bucket/built.ts';
import { withLocalBucket } from '../bucket/local.ts';
import { push } from '../bucket/push.ts';
import { wranglerBucket } from '../bucket/wrangler.ts';
import { convert, type ConvertOptions } from '../convert.ts';
import { selectedModel } from '../deployed.ts';
import { printVerification } from './measure.ts';
import { type PullChoice, pullModel } from './pull.ts';
import { UsageError } from './usage-error.ts';

export type ConvertChoice = Omit<ConvertOptions, 'say'>;
type Where = 'local' | 'remote';

const say = console.error;

export async function convertModel(model: string, choice: ConvertChoice): Promise<void> {
  const { id, revision, folder } = await convert(model, { ...choice, say });
  console.log(`${id}@${revision} is in ${folder}`);
  warnUnlessSelected(id, revision);
}

export async function verifyModel(model: string, force: boolean): Promise<void> {
  const { id, revision } = await printVerification(model, force);
  warnUnlessSelected(id, revision);
}

export async function pushModel(model: string, where: Where): Promise<void> {
  const built = await convert(model, { say });
  const { id, quantization } = built.manifest;
  if (Object.values(quantization).some((file) => !file?.error)) {
    throw new Error(`what quantization costs ${id} was not measured: npm run models -- verify ${model}`);
  }
  await pushBuilt(built, where);
  warnUnlessSelected(built.id, built.revision);
}

/**
 * @param model the path of a folder, or else `<owner>/<name>` on the Hub
 * @param state the folder of the local bucket, if it is not that of `npm start`
 */
export async function addModel(
  model: string,
  choice: PullChoice & ConvertChoice & { remote?: boolean | undefined },
  state?: string,
): Promise<Built> {
  const { revision: commit, id: name, remote, ...how } = choice;
  const isFolder = statSync(model, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isFolder && (commit ?? name)) throw new UsageError('--revision and --id are for a model of the Hub');
  const folder = isFolder ? resolve(model) : await pullModel(model, { revision: commit, id: name });
  await convert(folder, { ...how, say });
  const built = await printVerification(folder, how.force);
  await pushBuilt(built, 'local', state);
  if (remote) await pushBuilt(built, 'remote');
  const { id, revision } = built;
  console.log(`
To serve it, put this under [vars] of wrangler.toml:

  MODEL = "${id}@${revision}"

then \`npm start\`, or \`npx wrangler deploy\` once it is in the account's bucket (--remote).`);
  return built;
}

async function pushBuilt(built: Built, where: Where, state?: string): Promise<void> {
  const written =
    where === 'local'
      ? await withLocalBucket((bucket) => push(built, bucket), state)
      : await push(built, wranglerBucket());
  const { id, revision } = built.manifest;
  const bucket = where === 'local' ? 'the local bucket' : "the account's bucket";
  console.log(`${id}@${revision} ${written.length > 0 ? 'was put into' : 'is already in'} ${bucket}`);
}

function warnUnlessSelected(id: string, revision: string): void {
  const selected = selectedModel();
  if (selected.id !== id || selected.revision !== revision) {
    console.log(
      `wrangler.toml selects ${selected.id}@${selected.revision}: set MODEL to ${id}@${revision} to serve this one`,
    );
  }
}
