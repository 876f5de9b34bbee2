/** `npm run purge`: the caches forget what they hold. Does I/O. */
import type { DeployHost } from './deploy.ts';
import { whatIsLive } from './deploy.ts';
import { smokeTest } from './smoke-test.ts';
import { findAddresses, findDeployments, findTarget, findVersions, mainVersion, makeLive } from './worker.ts';

/** Of the copy, by which it is known again. */
const MESSAGE = 'purged';

/**
 * Makes a copy of the live version live with another CACHE_EPOCH, which is part of every key of the caches. It is a secret,
 * so that later versions inherit it.
 * @returns the closing words
 * @throws saying what failed and what is live
 */
export async function purge(env: string | undefined, host: Omit<DeployHost, 'progress'>): Promise<string> {
  const target = await findTarget(env, host);
  const [live] = (await findDeployments(target)) ?? [];
  if (!live) throw new Error(`There is no worker ${target.name} in the account: nothing is cached`);
  const main = mainVersion(live);
  // A copy that failed its test is as good as the version it was made of.
  const newest = (await findVersions(target)).find(
    ({ id, annotations }) => id === main || annotations?.['workers/message'] !== MESSAGE,
  )?.id;
  if (live.versions.length > 1 || main !== newest) {
    // The platform copies the newest version only.
    const problem = `Only the newest version can be purged, and ${newest} does not have all requests.`;
    throw new Error(`${problem} ${await whatIsLive(target)} Run npm run deploy first.`);
  }
  try {
    host.say('Uploading the same worker with another CACHE_EPOCH');
    const put = ['versions', 'secret', 'put', 'CACHE_EPOCH', '--message', MESSAGE];
    await target.wrangler(put, host.say, new Date().toISOString());
    const purged = (await findVersions(target))[0]?.id;
    if (!purged || purged === main) throw new Error('the account does not show the new version: run it again');
    const { preview, url } = await findAddresses(target);
    host.say(`Testing version ${purged} at ${preview(purged)}`);
    await smokeTest({ ...host, url: preview(purged) });
    host.say('Making it live');
    await makeLive(target, purged, MESSAGE, host.say);
    return `
${url} has forgotten what it had cached. Answers to GET stay in browsers and proxies for up to an hour.

A rollback to a version of before brings its cache back until the entries expire: run npm run purge again after one.
`;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${await whatIsLive(target)} Nothing is forgotten.`, {
      cause: error,
    });
  }
}
