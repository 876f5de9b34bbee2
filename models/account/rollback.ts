/** `npm run rollback`: makes the version before live again, and the model with it. Does I/O. */
import type { DeployHost } from './deploy.ts';
import { whatIsLive } from './deploy.ts';
import { smokeTest } from './smoke-test.ts';
import { findAddresses, findDeployments, findTarget, mainVersion, makeLive } from './worker.ts';

/**
 * A version has its own MODEL, and the bucket keeps earlier revisions.
 * @returns the closing words
 * @throws saying what failed and what is live
 */
export async function rollback(env: string | undefined, host: Omit<DeployHost, 'progress'>): Promise<string> {
  const target = await findTarget(env, host);
  const [live, ...before] = (await findDeployments(target)) ?? [];
  if (!live) throw new Error(`There is no worker ${target.name} in the account: npm run deploy`);
  // A version that has only a share of the requests is the one to be rid of.
  const newest =
    live.versions.find(({ version_id }) => version_id !== mainVersion(live))?.version_id ?? mainVersion(live);
  const previous = [live, ...before].map(mainVersion).find((version) => version !== newest);
  if (!previous)
    throw new Error(`There is no version before ${newest}: nothing to go back to. ${await whatIsLive(target)}`);
  try {
    const { preview, url } = await findAddresses(target);
    host.say(`Testing version ${previous} at ${preview(previous)}`);
    await smokeTest({ ...host, url: preview(previous) });
    host.say(`Making it live instead of ${newest}`);
    await makeLive(target, previous, `rolled back from ${newest}`, host.say);
    return `\nVersion ${previous} is live again at ${url}.\n`;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${await whatIsLive(target)}`, { cause: error });
  }
}
