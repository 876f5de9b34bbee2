/** `push`: uploads a measured model to the local bucket or to that of the account. */
import type { Built } from '../bucket/built.ts';
import { withLocalBucket } from '../bucket/local.ts';
import { push } from '../bucket/push.ts';
import { openAccountBucket } from '../account/bucket.ts';
import { findTarget } from '../account/worker.ts';
import { selectedEnvironment } from '../bucket/deployed.ts';
import { findOrBuild } from '../convert/find-or-build.ts';
import { stopSignal } from './arguments.ts';
import type { Command } from './command.ts';
import { progressBar } from './progress.ts';
import { orSelected, warnUnlessSelected } from './selected.ts';
import { print, say } from './terminal.ts';

export const command: Command = {
  async run(model, { remote }) {
    const chosen = orSelected(model);
    const built = await findOrBuild(chosen, say);
    const { id, revision, quantization } = built.manifest;
    if (Object.values(quantization).some((file) => !file?.error)) {
      throw new Error(`The quantization error of ${id} has not been measured: run npm run models -- measure ${chosen}`);
    }
    await (remote ? pushRemote(built, stopSignal()) : pushBuilt(built));
    warnUnlessSelected(id, revision);
  },
};

/** @param state the folder of the local bucket, if not that of `npm start` */
export async function pushBuilt(built: Built, state?: string): Promise<void> {
  report(built, await withLocalBucket((bucket) => push(built, bucket), state), 'the local bucket');
}

export async function pushRemote(built: Built, stop?: AbortSignal): Promise<void> {
  const bucket = await openAccountBucket(await findTarget(selectedEnvironment(), { fetch, stop }));
  report(built, await push(built, bucket, { progress: progressBar('uploaded') }), "the account's bucket");
}

function report({ manifest: { id, revision } }: Built, written: readonly string[], where: string): void {
  print(`${id}@${revision} ${written.length > 0 ? 'was put into' : 'is already in'} ${where}`);
}
