/** `npm run deploy`: a model and a worker into the account, tested before anybody is served by them. Does I/O. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { experimental_readRawConfig as readRawConfig } from 'wrangler';

import type { WeightsFile } from '../../src/inference/backend.ts';
import { PAID_CACHE_OPERATIONS } from '../../src/limits.ts';
import type { Built } from '../bucket/built.ts';
import { push } from '../bucket/push.ts';
import { findOrBuild, requireWeights } from '../convert/find-or-build.ts';
import { addressOfRoute, explainRoute } from './addresses.ts';
import { withoutStop } from './api.ts';
import { openAccountBucket } from './bucket.ts';
import { worstMonth } from './cost.ts';
import { keepDigests, makeKey, type MadeKey, readKeys, showKeys } from './keys.ts';
import { inTemporaryFolder, removing } from './temporary.ts';
import { type AccountHost, share, startTrial, withRestore } from './trial.ts';
import {
  copyVersion,
  type Deployment,
  findDeployments,
  listVersions,
  mainVersion,
  readSubdomain,
  readVersion,
  secretsOf,
} from './versions.ts';
import { CONFIG, findTarget, type Target, workersDevSubdomain } from './worker.ts';
import { ROOT } from './wrangler.ts';

/** How wrangler prints the API's refusal of `[limits]` on the Free plan. */
const NO_LIMITS = '[code: 100328]';
/**
 * wrangler takes a version only of a worker that is there, and makes the first one live at once. So the first one is deployed
 * where nobody can reach it: without a route, and not on workers.dev.
 */
const HIDDEN = { workers_dev: false, preview_urls: false, route: undefined, routes: undefined };

/** Names the entries of the edge cache. A version inherits it, so that it stays the same until somebody sets another. */
const CACHE_SECRET = 'CACHE_SECRET';

/** Bindings that are variables or secrets. */
const TEXTS = new Set(['plain_text', 'json', 'secret_text']);

export interface DeployChoice {
  readonly env?: string | undefined;
  /** An id or `<id>@<revision>`; without one, the MODEL of wrangler.toml. */
  readonly model?: string | undefined;
  /** The share of the requests that the new version gets, in percent. */
  readonly gradual?: number | undefined;
  /** To be added. */
  readonly keys?: readonly MadeKey[];
  /** Whether a version that answers anybody may follow one that asks for a key. */
  readonly isOpenAllowed?: boolean;
  /** Whether the version may lack a bucket, a rate limit or another binding of the live one. */
  readonly isDropAllowed?: boolean;
}

export interface DeployHost extends AccountHost {
  readonly progress: (share: number) => void;
}

/**
 * Makes a new version live after it answered. It can be repeated.
 * @returns the closing words: where the worker answers, and the commands for what comes next
 * @throws saying what failed, what to do, and what is live
 */
export async function deploy(choice: DeployChoice, host: DeployHost): Promise<string> {
  const { say } = host;
  const target = await findTarget(choice.env, host);
  const file: WeightsFile = target.env === 'onnxruntime' ? 'model.onnx' : 'model.efm';
  const built = await findModels([choice.model ?? target.model, ...target.moreModels], file, say);
  const models = built.map(({ manifest }) => nameOf(manifest));
  const [model = '', ...more] = models;

  const trial = await startTrial(target, host, choice);
  const { live } = trial;
  if (choice.gradual !== undefined && !live) throw new Error('--gradual needs a version that is live: leave it out');
  await workersDevSubdomain(target);
  const bucket = await openAccountBucket(target);
  const isThere = (await findDeployments(target)) !== undefined;
  const { keys = [] } = choice;
  // Keys of a deployment that failed before anybody could reach it are of no use to anybody.
  const known = trial.isReachable ? await readKeys(target) : [];
  const twice = keys.find(([secret]) => known.includes(secret));
  if (twice) throw new Error(`There is a key ${twice[0]} already: npm run keys -- rotate replaces it`);

  const secrets = [...keys, ...(await cacheSecret(target, live, choice.gradual))];

  return withRestore(
    target,
    trial,
    async () => {
      for (const one of built) {
        say(`Uploading ${nameOf(one.manifest)} to the bucket ${target.bucket}`);
        const written = await push(one, bucket, { weights: [file], progress: host.progress });
        if (written.length === 0) say('  everything is there already');
      }

      say(`Uploading the worker ${target.name}`);
      const vars = [
        '--var',
        `MODEL:${model}`,
        ...(target.moreModels.length > 0 ? [`MORE_MODELS:${more.join(',')}`] : []),
      ];
      const uploaded = await withSecretsFile(secrets, (option) =>
        isThere
          ? uploadWithin(target, say, ['versions', 'upload', ...vars, ...option, '--message', model])
          : uploadWithin(target, say, ['deploy', ...vars, ...option], HIDDEN),
      );
      const version = await withLiveSecrets(target, live, { uploaded, secrets }, say);
      if (!choice.isDropAllowed) await requireBindings(target, mainVersion(live), version);
      const { isClosed } = await trial.test(version, { models, key: keys[0]?.[1] });

      const wanted = choice.gradual ?? 100;
      const main = mainVersion(live);
      const shares = [share(version, wanted), ...(wanted < 100 && main ? [share(main, 100 - wanted)] : [])];
      say(wanted < 100 ? `Giving it ${wanted} % of the requests` : 'Making it live');
      const open = () => target.wrangler(['triggers', 'deploy'], say);
      // The version is last where the worker can be reached, so that nothing can fail after it; and first where it cannot.
      if (trial.isReachable) await open();
      // The first version of a worker is live already, where nobody reaches it.
      if (isThere) await trial.serve(shares, model);
      if (!trial.isReachable) await open();
      // It is live: a stop comes too late.
      if (keys.length > 0) await keepDigests(target, host, keys);
      const shown = keys.length > 0 ? showKeys(keys) : '';
      return shown + (await closingWords(withoutStop(target), { version, share: wanted, isClosed }));
    },
    ' The model and the bucket can stay.',
  );
}

const nameOf = ({ id, revision }: Built['manifest']): string => `${id}@${revision}`;

/** @throws when one is not built, was not measured, or lacks what the backend reads */
async function findModels(names: readonly string[], file: WeightsFile, say: DeployHost['say']): Promise<Built[]> {
  const found = new Map<string, Built>();
  for (const name of names) {
    const built = await findOrBuild(name, say);
    requireWeights(built, file);
    const { id, quantization } = built.manifest;
    if (!quantization[file]?.error) {
      throw new Error(`The quantization error of ${id} was not measured: npm run models -- measure ${id}`);
    }
    found.set(nameOf(built.manifest), built);
  }
  return [...found.values()];
}

/** A secret for the edge cache, unless the live version has one, or goes on beside this one: both need the same secrets (10220). */
async function cacheSecret(target: Target, live: Deployment | undefined, gradual = 100): Promise<MadeKey[]> {
  const main = mainVersion(live);
  if (main !== undefined && gradual < 100) return [];
  const isThere = main !== undefined && secretsOf(await readVersion(target, main)).includes(CACHE_SECRET);
  return isThere ? [] : [[CACHE_SECRET, makeKey()]];
}

/**
 * A version inherits the secrets of the newest one, which need not be live: it was rolled back, failed its test, or has a part of the
 * requests.
 * @returns the version, or a copy of it with the secrets of the live one
 */
async function withLiveSecrets(
  target: Target,
  live: Deployment | undefined,
  { uploaded, secrets }: { uploaded: string; secrets: readonly MadeKey[] },
  say: DeployHost['say'],
): Promise<string> {
  const main = mainVersion(live);
  const [, before] = await listVersions(target);
  if (main === undefined || before === undefined || before.id === main) return uploaded;
  say('  the newest version was not the live one: this one takes the secrets of the live one');
  const changes = Object.fromEntries(secrets);
  return copyVersion(target, { of: uploaded, secretsFrom: main, changes, message: target.model, say });
}

/** @throws when a binding is missing that the live version has: a file that was cut off says nothing of it */
async function requireBindings(target: Target, live: string | undefined, version: string): Promise<void> {
  if (live === undefined) return;
  const [before, now] = await Promise.all([live, version].map((id) => readVersion(target, id)));
  const kept = new Set(now?.resources.bindings.map(({ name }) => name));
  const lost = (before?.resources.bindings ?? []).filter(({ name, type }) => !TEXTS.has(type) && !kept.has(name));
  if (lost.length === 0) return;
  throw new Error(
    `wrangler.toml no longer has ${lost.map(({ name }) => name).join(', ')}, which the live version has: was the file cut off? To drop it on purpose, repeat the command with --drop.`,
  );
}

/** Gives wrangler a file with secrets, which nobody else can read and which is gone afterwards. */
async function withSecretsFile<T>(
  secrets: readonly MadeKey[],
  run: (option: readonly string[]) => Promise<T>,
): Promise<T> {
  if (secrets.length === 0) return run([]);
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'secrets.json');
    await writeFile(file, JSON.stringify(Object.fromEntries(secrets)), { mode: 0o600 });
    return run(['--secrets-file', file]);
  });
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
  return removing(file, async () => {
    await writeFile(file, JSON.stringify(config));
    return run(['--config', file]);
  });
}

interface Deployed {
  readonly version: string;
  readonly share: number;
  readonly isClosed: boolean;
}

async function closingWords(target: Target, { version, share: percent, isClosed }: Deployed): Promise<string> {
  const env = target.env ? ` -- --env ${target.env}` : '';
  const more =
    percent < 100
      ? `\nTo give it all requests:\n\n  npm run rollback -- ${version.slice(0, 8)}${target.env ? ` --env ${target.env}` : ''}\n`
      : '';
  return `
${await whereItAnswers(target)}
${isClosed ? 'It asks for a key.' : 'It answers anybody. To close it: npm run keys -- add NAME'}
${more}
${worstMonthOf(target)}

To go back to the version before:

  npm run rollback${env}
`;
}

/** The addresses, and a line to try the first of them. */
async function whereItAnswers(target: Target): Promise<string> {
  const { enabled } = await readSubdomain(target);
  const onWorkersDev = `https://${target.name}.${await workersDevSubdomain(target)}.workers.dev${target.basePath}`;
  const urls = [
    ...target.routes.map((route) => addressOfRoute(route, target.basePath)),
    ...(enabled ? [onWorkersDev] : []),
  ].filter((url) => url !== undefined);
  const explained = target.routes
    .filter((route) => addressOfRoute(route, target.basePath) === undefined)
    .map((route) => explainRoute(route, target.basePath));
  const [url] = urls;
  if (url === undefined) {
    const nowhere =
      'No address leads to the worker but service bindings: set workers_dev = true or routes in wrangler.toml.';
    return explained.length > 0 ? explained.join('\n') : nowhere;
  }
  return `Online at ${urls.join(' and ')}. Try it:

  curl ${url}/fill-mask -H 'content-type: application/json' -d '{"inputs": "I love [MASK] because you are [MASK]."}'
${explained.map((line) => `\n${line}\n`).join('')}`;
}

function worstMonthOf({ rateLimits }: Target): string {
  if (!rateLimits)
    return 'No rate limit is on, so nothing bounds what a month costs on the paid plan. The Free plan costs nothing.';
  const dollars = Math.ceil(worstMonth(rateLimits)).toLocaleString('en');
  return `In the worst month, the answers to one caller at one location cost $${dollars} on the paid plan, and nothing on the Free plan. To lower it, lower the two limits of wrangler.toml (RATE_LIMITER, EXPENSIVE_RATE_LIMITER), or ask for keys.`;
}
