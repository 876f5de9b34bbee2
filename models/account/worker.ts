/** The worker of an environment of wrangler.toml in an account: its versions, and which of them is live. Does I/O. */
import { join } from 'node:path';

import { unstable_readConfig as readConfig } from 'wrangler';

import { type Access, findAccount, findResult, lacks, readResult } from './api.ts';
import type { RateLimits } from './cost.ts';
import { ROOT, runWrangler } from './wrangler.ts';

export const CONFIG = join(ROOT, 'wrangler.toml');
const PERMISSION = 'Workers Scripts: Edit';

/** What a command knows of the account before it begins. */
export interface Target extends Access {
  readonly account: string;
  /** Of wrangler.toml; without one, the one at the top. */
  readonly env: string | undefined;
  /** Of the worker. */
  readonly name: string;
  readonly bucket: string;
  readonly model: string;
  /** Where it answers besides workers.dev, as wrangler.toml has it. */
  readonly routes: readonly string[];
  /** Undefined where wrangler.toml has none that apply. */
  readonly rateLimits: RateLimits | undefined;
  /** Whether wrangler.toml has a limit that only the Paid plan accepts, and leaves CACHE_OPERATIONS to the plan. */
  readonly learnsPlan: boolean;
  /** Of Analytics Engine, if wrangler.toml has the binding. */
  readonly dataset: string | undefined;
  /** Runs a command of wrangler for this environment and account. */
  readonly wrangler: (
    args: readonly string[],
    say: (line: string) => void,
    input?: string,
  ) => ReturnType<typeof runWrangler>;
}

interface Limiter {
  readonly name: string;
  readonly simple: { readonly limit: number; readonly period: number };
}

/** As a person types it. An empty name is the environment at the top: without one, wrangler warns that there are others. */
export const envOption = ({ env }: Pick<Target, 'env'>): string => `--env ${env ?? '""'}`;

/** @throws naming the environments there are, or how to log in */
export async function findTarget(env: string | undefined, given: Omit<Access, 'token'>): Promise<Target> {
  const { definedEnvironments = [] } = readConfig({ config: CONFIG });
  if (env !== undefined && !definedEnvironments.includes(env)) {
    throw new Error(`wrangler.toml has no environment ${env}: --env is ${definedEnvironments.join(' or ')}`);
  }
  const config = readConfig({ config: CONFIG, ...(env && { env }) });
  const { name, r2_buckets, routes = [], vars, limits, ratelimits, analytics_engine_datasets } = config;
  const bucket = r2_buckets.find(isBoundTo('MODELS'))?.bucket_name;
  if (!name || !bucket) throw new Error('wrangler.toml has no name, or no bucket_name for the binding MODELS');
  const expected = process.env['WRANGLER_CI_OVERRIDE_NAME'];
  if (expected && expected !== name) {
    throw new Error(
      `Workers Builds runs for the worker ${expected}, and wrangler.toml names the worker ${name}: set name = "${expected}" there`,
    );
  }
  const access = { ...given, token: process.env['CLOUDFLARE_API_TOKEN'] || (await tokenOfLogin()) };
  const account = await findAccount(access);
  return {
    ...access,
    account,
    env,
    name,
    bucket,
    model: String(vars['MODEL']),
    routes: routes.map((route: string | { pattern: string }) => (typeof route === 'string' ? route : route.pattern)),
    rateLimits: vars['RATE_LIMITS'] === 'off' ? undefined : rateLimitsOf(ratelimits),
    learnsPlan: limits?.cpu_ms !== undefined && vars['CACHE_OPERATIONS'] === undefined,
    dataset: analytics_engine_datasets.find(isBoundTo('ANALYTICS'))?.dataset,
    wrangler: (args, say, input = '') =>
      runWrangler([...args, '--env', env ?? ''], { environment: { CLOUDFLARE_ACCOUNT_ID: account }, say, input }).catch(
        (error: Error) => {
          throw isForbidden(error.message)
            ? new Error(`${error.message}\n${lacks(PERMISSION)}`, { cause: error })
            : error;
        },
      ),
  };
}

/** As wrangler reports that the API answered 403: with its code, or else with the status. */
const isForbidden = (message: string): boolean => /\[code: (?:10000|9109)\]|\b403 Forbidden\b/.test(message);

const isBoundTo =
  (name: string) =>
  ({ binding }: { binding: string }): boolean =>
    binding === name;

function rateLimitsOf(limiters: readonly Limiter[]): RateLimits | undefined {
  const perMinute = (wanted: string) => {
    const simple = limiters.find(({ name }) => name === wanted)?.simple;
    return simple && (60 * simple.limit) / simple.period;
  };
  const [requests, units] = [perMinute('RATE_LIMITER'), perMinute('EXPENSIVE_RATE_LIMITER')];
  return requests === undefined || units === undefined ? undefined : { requests, units };
}

async function tokenOfLogin(): Promise<string> {
  try {
    const { stdout } = await runWrangler(['auth', 'token', '--json']);
    const { token } = JSON.parse(stdout) as { token?: string };
    if (token) return token;
  } catch (cause) {
    const how = 'Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN to a token (docs/deploying.md)';
    throw new Error(`There is no login. ${how}.`, { cause });
  }
  throw new Error('Set CLOUDFLARE_API_TOKEN: a global API key is not accepted');
}

/** A deployment: which versions serve, and which share of the requests. */
interface Deployment {
  readonly versions: readonly { readonly version_id: string; readonly percentage: number }[];
}

/** @returns the deployments, the one that is live first; undefined where there is no such worker */
export async function findDeployments(target: Target): Promise<readonly Deployment[] | undefined> {
  const { account, name } = target;
  // A worker that was never made live has no deployments, and is there.
  const service = `/accounts/${account}/workers/services/${name}`;
  if (!(await findResult(target, service, { permission: PERMISSION }))) return undefined;
  const path = `/accounts/${account}/workers/scripts/${name}/deployments`;
  return (await readResult<{ deployments: Deployment[] }>(target, path, { permission: PERMISSION })).deployments;
}

interface Version {
  readonly id: string;
  readonly metadata: { readonly created_on: string };
  readonly annotations?: { readonly 'workers/message'?: string };
}

/** The newest first, live or not. */
export async function findVersions(target: Target): Promise<readonly Version[]> {
  const path = `/accounts/${target.account}/workers/scripts/${target.name}/versions`;
  const { items } = await readResult<{ items: Version[] }>(target, path, { permission: PERMISSION });
  return items.toSorted((a, b) => b.metadata.created_on.localeCompare(a.metadata.created_on));
}

/** Gives a version all requests. */
export async function makeLive(target: Target, version: string, message: string, say: (line: string) => void) {
  await target.wrangler(['versions', 'deploy', `${version}@100%`, '--message', message, '--yes'], say);
}

/** The version that most requests reach, of a deployment. */
export function mainVersion(deployment: Deployment | undefined): string | undefined {
  return deployment?.versions.toSorted((a, b) => b.percentage - a.percentage)[0]?.version_id;
}

/** Where the worker answers. */
export async function findAddresses(target: Target): Promise<{
  /** Whether anybody can reach it on workers.dev. */
  enabled: boolean;
  /** On workers.dev */
  url: string;
  /** Of a version, whether it is live or not. @throws when the worker has no such addresses */
  preview: (version: string) => string;
}> {
  const { account, name } = target;
  const request = { permission: PERMISSION };
  const worker = await readResult<{ enabled: boolean; previews_enabled: boolean; preview_url_suffix?: string }>(
    target,
    `/accounts/${account}/workers/scripts/${name}/subdomain`,
    request,
  );
  const subdomain = await workersDevSubdomain(target);
  const suffix = worker.preview_url_suffix ?? `-${name}.${subdomain}.workers.dev`;
  return {
    enabled: worker.enabled,
    url: `https://${name}.${subdomain}.workers.dev`,
    preview(version) {
      if (worker.previews_enabled) return `https://${version.slice(0, 8)}${suffix}`;
      throw new Error(
        `The worker ${name} has no preview URLs, at which a version is tested: set preview_urls = true in wrangler.toml, and enable them in the dashboard, in the worker's settings under Domains & Routes`,
      );
    },
  };
}

/** @throws when the account has none, saying where it is chosen */
export async function workersDevSubdomain(target: Target): Promise<string> {
  const path = `/accounts/${target.account}/workers/subdomain`;
  const found = await findResult<{ subdomain?: string }>(target, path, { permission: PERMISSION });
  if (found?.subdomain) return found.subdomain;
  throw new Error(
    `The account has no workers.dev subdomain, at which versions are tested: choose one at https://dash.cloudflare.com/${target.account}/workers/onboarding`,
  );
}
