/**
 * Tests versions before they serve. A version under test has 0 % of the requests, and a header of the test's requests selects it, so
 * that no address of its own has to be open. Does I/O.
 */
import { basePathOf } from '../bucket/deployed.ts';
import { explainDiskError } from '../hub/disk-error.ts';
import { addressOfRoute } from './addresses.ts';
import { pauseUnlessStopped, withoutStop } from './api.ts';
import { answersAnybody, type SmokeTest, smokeTest } from './smoke-test.ts';
import {
  type Deployment,
  findDeployments,
  mainVersion,
  putDeployment,
  readSubdomain,
  readVersion,
  setSubdomain,
  type Share,
  variableOf,
} from './versions.ts';
import { envOption, type Target, workersDevSubdomain } from './worker.ts';
import type { runWrangler } from './wrangler.ts';

export interface AccountHost {
  readonly fetch: typeof fetch;
  /** Is given each line that a person should read. */
  readonly say: (line: string) => void;
  /** Before each further attempt of a request to the API. */
  readonly pausesMs?: readonly number[];
  /** Waits, in milliseconds, where the API asks for it. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** How long the smoke test waits for a version to answer. */
  readonly readyWithinMs?: number;
  /** How long a version that does not name itself is waited for. */
  readonly settleMs?: number;
  readonly pauseMs?: number;
  readonly runWrangler?: typeof runWrangler;
  /** Ends the command, which then takes back what it began. */
  readonly stop?: AbortSignal | undefined;
}

type Expected = Pick<SmokeTest, 'models' | 'key' | 'isClosedEnough'>;

export interface Trial {
  /** What is live before it; undefined where nothing was ever live. */
  readonly live: Deployment | undefined;
  /** Whether anybody reaches the worker now, on workers.dev or by a route. */
  readonly isReachable: boolean;
  /**
   * Asks a version, and leaves it with 0 % of the requests.
   * @throws when it answers wrongly, or would be open where the live one asks for a key
   */
  test(version: string, expected: Expected): Promise<{ isClosed: boolean }>;
  /** Makes versions live. @throws when somebody else has changed what is live meanwhile */
  serve(shares: readonly Share[], message: string, options?: { force?: boolean }): Promise<void>;
  /** Makes live what was live before. */
  restore(): Promise<void>;
}

/** @param isOpenAllowed whether a version without keys may follow one with keys */
export async function startTrial(target: Target, host: AccountHost, { isOpenAllowed = false } = {}): Promise<Trial> {
  const [live] = (await findDeployments(target)) ?? [];
  const { enabled } = live ? await readSubdomain(target) : { enabled: false };
  const main = mainVersion(live);
  const addressOf =
    main === undefined ? undefined : await findAddress(target, enabled, await pathOf(target, main), host);
  const wasClosed = addressOf ? (await answersAnybody(addressOf.live, host.fetch)) === false : false;
  /** The deployment that this trial has made, if any. */
  let made: string | undefined;

  async function requireUnchanged(on = target): Promise<void> {
    const [now] = (await findDeployments(on)) ?? [];
    if (now?.id === (made ?? live?.id)) return;
    throw new Error('Somebody else has deployed meanwhile. Look at what is live now, and run the command again.');
  }

  async function put(shares: readonly Share[], message: string, options?: { force?: boolean }): Promise<void> {
    await requireUnchanged();
    made = await putDeployment(target, shares, message, options);
  }

  async function ask(version: string, expected: Expected): Promise<{ isClosed: boolean }> {
    const path = await pathOf(target, version);
    if (addressOf && main) {
      const url = addressOf.below(path);
      if (url === undefined) {
        throw new Error(
          `No route of wrangler.toml leads to version ${version}, whose BASE_PATH is "${path}": add one, and npm run deploy`,
        );
      }
      host.say(`Testing version ${version} at ${url}, with 0 % of the requests`);
      // Forced, since the main version is live now and stays it, whatever secrets a newer one has.
      await put([share(main, 100), share(version, 0)], `test of ${version}`, { force: true });
      return smokeTest({ ...host, ...expected, url, override: { worker: target.name, version } });
    }
    // Nobody reaches the worker, so no earlier version answers anybody at its address either.
    const preview = (await previewOf(target, version)) + path;
    host.say(`Testing version ${version} at ${preview}, which is open for the test only`);
    const before = await readSubdomain(target);
    await setSubdomain(target, { ...before, previews_enabled: true });
    try {
      return await smokeTest({ ...host, ...expected, url: preview });
    } finally {
      await setSubdomain(withoutStop(target), { ...before, previews_enabled: false });
    }
  }

  return {
    live,
    isReachable: addressOf !== undefined,
    async test(version, expected) {
      const tested = await ask(version, expected);
      if (wasClosed && !tested.isClosed && !isOpenAllowed) {
        throw new Error(
          `The live version asks for a key, and version ${version} answers anybody. Add a key (npm run keys -- add), or repeat the command with --open.`,
        );
      }
      return tested;
    },
    serve: put,
    async restore() {
      if (!live || made === undefined) return;
      const after = withoutStop(target);
      await requireUnchanged(after);
      made = await putDeployment(after, live.versions, 'after a failure: what was live before', { force: true });
    },
  };
}

export const share = (version_id: string, percentage: number): Share => ({ version_id, percentage });

/** Runs the steps of a command. When one fails, what was live before is live again, and the error says so. */
export async function withRestore<T>(target: Target, trial: Trial, run: () => Promise<T>, more = ''): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const problem = await trial.restore().then(
      () => '',
      (error: unknown) => `\n${(error as Error).message}`,
    );
    const { message } = explainDiskError(cause) as Error;
    throw new Error(`${message}${problem}\n\n${await whatIsLive(target)}${more}`, { cause });
  }
}

/** As the account says it, after a failure. */
export async function whatIsLive(given: Target): Promise<string> {
  const target = withoutStop(given);
  try {
    const [live] = (await findDeployments(target)) ?? [];
    const isReachable = live && (target.routes.length > 0 || (await readSubdomain(target)).enabled);
    if (!isReachable) return 'Nothing is online.';
    const serving = live.versions.filter(({ percentage }) => percentage > 0);
    return `Live is ${serving.map(({ version_id, percentage }) => `version ${version_id} (${percentage} %)`).join(' and ')}.`;
  } catch {
    return `What is live cannot be told now: npx wrangler deployments status ${envOption(target)} shows it.`;
  }
}

/** Where the worker answers, and where a version with another BASE_PATH would. */
interface Address {
  readonly live: string;
  /** Undefined where no route leads to that path. */
  readonly below: (path: string) => string | undefined;
}

/** BASE_PATH of a version, which need not be that of wrangler.toml. */
const pathOf = async (target: Target, version: string): Promise<string> =>
  basePathOf({ BASE_PATH: variableOf(await readVersion(target, version), 'BASE_PATH') });

/** @returns undefined where nobody reaches the worker */
async function findAddress(
  target: Target,
  isOnWorkersDev: boolean,
  livePath: string,
  host: AccountHost,
): Promise<Address | undefined> {
  if (isOnWorkersDev) {
    const origin = `https://${target.name}.${await workersDevSubdomain(target)}.workers.dev`;
    return { live: origin + livePath, below: (path) => origin + path };
  }
  const urlsBelow = (path: string) =>
    target.routes.map((route) => addressOfRoute(route, path)).filter((url) => url !== undefined);
  for (const live of urlsBelow(livePath)) {
    // A route of wrangler.toml may not be in the account yet.
    if (!(await leadsSomewhere(live, host))) continue;
    const { origin } = new URL(live);
    return { live, below: (path) => urlsBelow(path).find((url) => new URL(url).origin === origin) };
  }
  return undefined;
}

async function leadsSomewhere(url: string, { fetch: send, stop }: AccountHost): Promise<boolean> {
  for (const retryAfterMs of [1_000, undefined]) {
    try {
      const { status } = await send(`${url}/health`, {
        redirect: 'manual',
        signal: AbortSignal.timeout(10_000),
      });
      return status !== 404 && status < 520;
    } catch {
      if (retryAfterMs !== undefined) await pauseUnlessStopped(retryAfterMs, stop);
    }
  }
  return false;
}

async function previewOf(target: Target, version: string): Promise<string> {
  const { preview_url_suffix } = await readSubdomain(target);
  const suffix = preview_url_suffix ?? `-${target.name}.${await workersDevSubdomain(target)}.workers.dev`;
  return `https://${version.slice(0, 8)}${suffix}`;
}
