/** `npm run purge`: the caches forget what they hold. Does I/O. */
import { replaceLive } from './replace-live.ts';
import { type AccountHost, startTrial, withRestore } from './trial.ts';
import { findTarget } from './worker.ts';

export interface PurgeChoice {
  readonly env?: string | undefined;
  /** Whether a version that answers anybody may follow one that asks for a key. */
  readonly isOpenAllowed?: boolean;
}

/**
 * Makes a copy of the live version live with another CACHE_EPOCH, which is part of every key of the caches. It is a secret,
 * so that later versions inherit it.
 * @returns the closing words
 * @throws saying what failed and what is live
 */
export async function purge(choice: PurgeChoice, host: AccountHost): Promise<string> {
  const target = await findTarget(choice.env, host);
  const trial = await startTrial(target, host, choice);
  if (!trial.live) throw new Error(`There is no worker ${target.name} in the account: nothing is cached`);
  const changes = { CACHE_EPOCH: new Date().toISOString() };
  const isClosed = await withRestore(
    target,
    trial,
    () => {
      host.say('Uploading the same worker with another CACHE_EPOCH');
      return replaceLive(target, trial, host, { changes, message: 'purged' });
    },
    ' Nothing is forgotten.',
  );
  return `
${target.name} has forgotten what it had cached. Answers to GET stay in browsers and proxies for up to an hour.${isClosed === undefined ? '' : isClosed ? ' It asks for a key, as before.' : ' It answers anybody.'}
`;
}
