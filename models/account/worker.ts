/** The worker that an environment of wrangler.toml describes, and the account that it belongs to. Does I/O. */
import { join } from 'node:path';

import { unstable_readConfig as readConfig } from 'wrangler';

import { basePathOf, namesIn } from '../bucket/deployed.ts';
import { type Access, findAccount, findResult, lacks } from './api.ts';
import type { RateLimits } from './cost.ts';
import { ROOT, runWrangler } from './wrangler.ts';

export const CONFIG = join(ROOT, 'wrangler.toml');
export const SCRIPTS = 'Workers Scripts: Edit';

/** What a command knows of the account before it begins. */
export interface Target extends Access {
  readonly account: string;
  /** Of wrangler.toml; without one, the one at the top. */
  readonly env: string | undefined;
  /** Of the worker. */
  readonly name: string;
  readonly bucket: string;
  /** Of the bucket: "eu" or "fedramp"; undefined where there is none. */
  readonly jurisdiction: string | undefined;
  readonly model: string;
  /** Of the variable MORE_MODELS. */
  readonly moreModels: readonly string[];
  /** Where it answers besides workers.dev, as wrangler.toml has it. */
  readonly routes: readonly string[];
  /** BASE_PATH of wrangler.toml; empty at the root. */
  readonly basePath: string;
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

/** What reaches the account. */
interface AccountTools extends Omit<Access, 'token'> {
  readonly runWrangler?: typeof runWrangler;
}

/** @throws naming the environments there are, or how to log in */
export async function findTarget(env: string | undefined, given: AccountTools): Promise<Target> {
  const { definedEnvironments = [] } = readConfigFile();
  if (env !== undefined && !definedEnvironments.includes(env)) {
    throw new Error(`wrangler.toml has no environment ${env}: --env is ${definedEnvironments.join(' or ')}`);
  }
  const config = readConfigFile(env);
  const { name, r2_buckets, route, routes = [], vars, limits, ratelimits, analytics_engine_datasets } = config;
  const { bucket_name: bucket, jurisdiction } = r2_buckets.find(isBoundTo('MODELS')) ?? {};
  if (!name || !bucket) throw new Error('wrangler.toml has no name, or no bucket_name for the binding MODELS');
  const model = vars['MODEL'];
  if (typeof model !== 'string' || !model) {
    throw new Error('wrangler.toml has no MODEL among its variables: npm run models -- use <id> sets it');
  }
  const expected = process.env['WRANGLER_CI_OVERRIDE_NAME'];
  if (expected && expected !== name) {
    throw new Error(
      `Workers Builds runs for the worker ${expected}, and wrangler.toml names the worker ${name}: set name = "${expected}" there`,
    );
  }
  const { runWrangler: run = runWrangler, ...tools } = given;
  const access = { ...tools, token: process.env['CLOUDFLARE_API_TOKEN'] || (await tokenOfLogin()) };
  const account = await findAccount(access);
  return {
    ...access,
    account,
    env,
    name,
    bucket,
    jurisdiction,
    model,
    moreModels: namesIn(String(vars['MORE_MODELS'] ?? '')),
    routes: [...routes, ...(route ? [route] : [])].map((one: string | { pattern: string }) =>
      typeof one === 'string' ? one : one.pattern,
    ),
    basePath: basePathOf(vars),
    rateLimits: vars['RATE_LIMITS'] === 'off' ? undefined : rateLimitsOf(ratelimits),
    learnsPlan: limits?.cpu_ms !== undefined && vars['CACHE_OPERATIONS'] === undefined,
    dataset: analytics_engine_datasets.find(isBoundTo('ANALYTICS'))?.dataset,
    wrangler: (args, say, input = '') =>
      run([...args, '--env', env ?? ''], {
        environment: { CLOUDFLARE_ACCOUNT_ID: account },
        say,
        input,
        stop: access.stop,
      }).catch((error: Error) => {
        throw isForbidden(error.message) ? new Error(`${error.message}\n${lacks(SCRIPTS)}`, { cause: error }) : error;
      }),
  };
}

function readConfigFile(env?: string): ReturnType<typeof readConfig> {
  try {
    return readConfig({ config: CONFIG, ...(env && { env }) });
  } catch (cause) {
    throw new Error(
      `wrangler.toml cannot be used: ${(cause as Error).message}\nIf an editor has cut it off, git diff wrangler.toml shows what is missing. Nothing was changed.`,
      { cause },
    );
  }
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

/** The account's address on workers.dev. @throws when it has none, saying where it is chosen */
export async function workersDevSubdomain(target: Target): Promise<string> {
  const path = `/accounts/${target.account}/workers/subdomain`;
  const found = await findResult<{ subdomain?: string }>(target, path, { permission: SCRIPTS });
  if (found?.subdomain) return found.subdomain;
  throw new Error(
    `The account has no workers.dev subdomain, at which the first version is tested: choose one at https://dash.cloudflare.com/${target.account}/workers/onboarding`,
  );
}
