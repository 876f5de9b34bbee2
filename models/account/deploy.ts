/** `npm run deploy`: a model and a worker into the account, tested before anybody is served by them. Does I/O. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { experimental_readRawConfig as readRawConfig } from 'wrangler';

import type { WeightsFile } from '../../src/inference/backend.ts';
import { PAID_CACHE_OPERATIONS } from '../../src/limits.ts';
import { push } from '../bucket/push.ts';
import { findOrBuild, requireWeights } from '../convert/find-or-build.ts';
import { openAccountBucket } from './bucket.ts';
import { worstMonth } from './cost.ts';
import { smokeTest } from './smoke-test.ts';
import {
  CONFIG,
  envOption,
  findAddresses,
  findDeployments,
  findTarget,
  mainVersion,
  type Target,
  workersDevSubdomain,
} from './worker.ts';
import { ROOT } from './wrangler.ts';

/** How wrangler prints the API's refusal of `[limits]` on the Free plan. */
const NO_LIMITS = '[code: 100328]';
/**
 * wrangler takes a version only of a worker that is there, and makes the first one live at once. So the first one is deployed
 * where nobody can reach it: without a route, and not on workers.dev.
 */
const HIDDEN = { workers_dev: false, preview_urls: true, route: undefined, routes: undefined };

export interface DeployChoice {
  readonly env?: string | undefined;
  /** An id or `<id>@<revision>`; without one, the MODEL of wrangler.toml. */
  readonly model?: string | undefined;
  /** The share of the requests that the new version gets, in percent. */
  readonly gradual?: number | undefined;
}

export interface DeployHost {
  readonly fetch: typeof fetch;
  /** Is given each line that a person should read. */
  readonly say: (line: string) => void;
  readonly progress: (share: number) => void;
  /** Before each further attempt of a request to the API. */
  readonly pausesMs?: readonly number[];
  /** How long the smoke test waits for a version to answer. */
  readonly readyWithinMs?: number;
}

/**
 * Makes a new version live after it answered at an address of its own. It can be repeated.
 * @returns the closing words: where the worker answers, and the commands for what comes next
 * @throws saying what failed, what to do, and what is live
 */
export async function deploy(choice: DeployChoice, host: DeployHost): Promise<string> {
  const { say } = host;
  const target = await findTarget(choice.env, host);
  const built = await findOrBuild(choice.model ?? target.model, say);
  const { id, revision, quantization } = built.manifest;
  const model = `${id}@${revision}`;
  const file: WeightsFile = target.env === 'onnxruntime' ? 'model.onnx' : 'model.efm';
  requireWeights(built, file);
  if (!quantization[file]?.error) {
    throw new Error(`The quantization error of ${id} was not measured: npm run models -- measure ${id}`);
  }

  const deployments = await findDeployments(target);
  const [live] = deployments ?? [];
  if (choice.gradual !== undefined && !live) throw new Error('--gradual needs a version that is live: leave it out');
  if (deployments) (await findAddresses(target)).preview('');
  else await workersDevSubdomain(target);
  const bucket = await openAccountBucket(target);

  try {
    say(`Uploading ${model} to the bucket ${target.bucket}`);
    const written = await push(built, bucket, { weights: [file], progress: host.progress });
    if (written.length === 0) say('  everything is there already');

    say(`Uploading the worker ${target.name}`);
    const vars = ['--var', `MODEL:${model}`];
    const version = await (deployments
      ? uploadWithin(target, say, ['versions', 'upload', ...vars, '--tag', revision, '--message', model])
      : uploadWithin(target, say, ['deploy', ...vars], HIDDEN));
    const { enabled, preview, url: onWorkersDev } = await findAddresses(target);
    say(`Testing version ${version} at ${preview(version)}`);
    await smokeTest({ ...host, url: preview(version), model });

    const share = choice.gradual ?? 100;
    const rest = share < 100 ? [`${mainVersion(live)}@${100 - share}%`] : [];
    say(share < 100 ? `Giving it ${share} % of the requests` : 'Making it live');
    const steps = [['triggers', 'deploy']];
    if (deployments) steps.push(['versions', 'deploy', `${version}@${share}%`, ...rest, '--message', model, '--yes']);
    // The version is last where the worker can be reached, so that nothing can fail after it; and first where it cannot.
    for (const args of enabled ? steps : steps.toReversed()) await target.wrangler(args, say);
    const [route] = target.routes;
    const url = route ? `https://${route.replace(/[/*]+$/, '')}` : onWorkersDev;
    return closingWords(target, url, version, share);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${await whatIsLive(target)} The model and the bucket can stay.`, {
      cause: error,
    });
  }
}

/** @returns the id of the version */
async function upload(target: Target, say: DeployHost['say'], args: readonly string[]): Promise<string> {
  const { events } = await target.wrangler(args, say);
  const version = events.find(({ version_id }) => version_id)?.version_id;
  if (!version) throw new Error('wrangler uploaded the worker and does not say which version it is: run it again');
  return version;
}

/**
 * The same, without the limits of wrangler.toml where the plan of the account does not accept them. Where it does, a request may use
 * more of the edge cache.
 */
async function uploadWithin(
  target: Target,
  say: DeployHost['say'],
  args: readonly string[],
  changed: object = {},
): Promise<string> {
  try {
    const paid = target.learnsPlan ? ['--var', `CACHE_OPERATIONS:${PAID_CACHE_OPERATIONS}`] : [];
    return await withConfig(changed, (option) => upload(target, say, [...args, ...paid, ...option]));
  } catch (error) {
    if (!(error as Error).message.includes(NO_LIMITS)) throw error;
    say('  The Free plan accepts no [limits]: once more without them. It ends a request after 10 ms of CPU time.');
    return withConfig({ ...changed, limits: undefined }, (option) => upload(target, say, [...args, ...option]));
  }
}

/** Gives wrangler a wrangler.toml that is changed in every environment. */
async function withConfig<T>(changed: object, run: (option: readonly string[]) => Promise<T>): Promise<T> {
  if (Object.keys(changed).length === 0) return run([]);
  const { rawConfig } = readRawConfig({ config: CONFIG }) as { rawConfig: { env?: Record<string, object> } };
  const environments = Object.entries(rawConfig.env ?? {});
  const config = {
    ...rawConfig,
    ...changed,
    env: Object.fromEntries(environments.map(([name, values]) => [name, { ...values, ...changed }])),
  };
  // Beside wrangler.toml: its paths are relative to it.
  const file = join(ROOT, `wrangler.changed-${process.pid}.json`);
  try {
    await writeFile(file, JSON.stringify(config));
    return await run(['--config', file]);
  } finally {
    await rm(file, { force: true });
  }
}

/** As the account says it, after a failure. */
export async function whatIsLive(target: Target): Promise<string> {
  try {
    const [live] = (await findDeployments(target)) ?? [];
    const isReachable = live && (target.routes.length > 0 || (await findAddresses(target)).enabled);
    if (!isReachable) return 'Nothing is online.';
    return `Live is ${live.versions.map(({ version_id, percentage }) => `version ${version_id} (${percentage} %)`).join(' and ')}.`;
  } catch {
    return `What is live cannot be told now: npx wrangler deployments status ${envOption(target)} shows it.`;
  }
}

function closingWords(target: Target, url: string, version: string, share: number): string {
  const env = target.env ? ` -- --env ${target.env}` : '';
  const more =
    share < 100
      ? `\nTo give it all requests:\n\n  npx wrangler versions deploy ${version}@100% --yes ${envOption(target)}\n`
      : '';
  return `
Online at ${url}. Try it:

  curl ${url}/fill-mask -H 'content-type: application/json' -d '{"inputs": "I love [MASK] because you are [MASK]."}'
${more}
${worstMonthOf(target)}

To go back to the version before:

  npm run rollback${env}
`;
}

function worstMonthOf({ rateLimits }: Target): string {
  if (!rateLimits)
    return 'No rate limit is on, so nothing bounds what a month costs on the paid plan. The Free plan costs nothing.';
  const dollars = Math.ceil(worstMonth(rateLimits)).toLocaleString('en');
  return `In the worst month, the answers to one caller at one location cost $${dollars} on the paid plan, and nothing on the Free plan.`;
}
