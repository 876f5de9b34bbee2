/** `npm run rollback`: what was live before is live again, the model with it. Keys stay as they are. Does I/O. */
import { type AccountHost, share, startTrial, type Trial, whatIsLive, withRestore } from './trial.ts';
import {
  copyVersion,
  findDeployments,
  type ListedVersion,
  listVersions,
  mainVersion,
  originOf,
  readVersion,
  secretsOf,
  variableOf,
  type Version,
} from './versions.ts';
import { findTarget, type Target } from './worker.ts';

/** Of the list of versions. */
const MAX_LISTED = 10;
const UNSET = '(not set)';

export interface RollbackChoice {
  readonly env?: string | undefined;
  /** An id, or its beginning; without one, the version that was live before. */
  readonly version?: string | undefined;
  /** Whether nobody has to be asked. */
  readonly isConfirmed?: boolean;
  readonly isOpenAllowed?: boolean;
}

export interface RollbackHost extends AccountHost {
  /** Asks a person; absent where there is none. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/**
 * A version has its own code, variables and MODEL, and the bucket keeps earlier revisions. What becomes live is a copy of it with the
 * secrets of what is live now: a revoked key stays revoked, and what was purged stays forgotten.
 * @returns the closing words
 * @throws saying what failed and what is live
 */
export async function rollback(choice: RollbackChoice, host: RollbackHost): Promise<string> {
  const target = await findTarget(choice.env, host);
  const trial = await startTrial(target, host, choice);
  const main = mainVersion(trial.live);
  if (!trial.live || !main) throw new Error(`There is no worker ${target.name} in the account: npm run deploy`);
  const versions = await listVersions(target);
  host.say(await drawVersions(target, versions, trial.live));

  const serving = trial.live.versions.filter(({ percentage }) => percentage > 0);
  const wanted = choice.version === undefined ? undefined : resolve(versions, choice.version);
  const stays =
    wanted ??
    (serving.length > 1
      ? oldest(
          versions,
          serving.map(({ version_id }) => version_id),
        )
      : undefined);
  if (stays !== undefined && serving.some(({ version_id }) => version_id === stays)) {
    return keepOne(target, trial, host, { version: stays, isAlone: serving.length === 1 }, choice);
  }
  const to = stays ?? (await versionBefore(target, versions, main));
  if (to === undefined) {
    throw new Error(
      `There is no version before ${main}: nothing to go back to. Name one: npm run rollback <version>. ${await whatIsLive(target)}`,
    );
  }

  const [before, now] = await Promise.all([readVersion(target, to), readVersion(target, main)]);
  host.say(explainChange(before, now));
  await requireConsent(`Go back to version ${to}?`, choice, host);
  return withRestore(target, trial, async () => {
    const message = `rolled back from ${main}`;
    const copy = await copyVersion(target, { of: to, secretsFrom: main, message, say: host.say });
    const { isClosed } = await trial.test(copy, {});
    host.say(`Making it live instead of ${main}`);
    await trial.serve([share(copy, 100)], message);
    return `\nVersion ${to} is live again, as ${copy}. ${isClosed ? 'It asks for a key.' : 'It answers anybody.'}\n`;
  });
}

/** Ends a gradual deployment. */
async function keepOne(
  target: Target,
  trial: Trial,
  host: RollbackHost,
  { version, isAlone }: { version: string; isAlone: boolean },
  choice: RollbackChoice,
): Promise<string> {
  if (isAlone) throw new Error(`Version ${version} is live already.`);
  await requireConsent(`Give version ${version} all requests?`, choice, host);
  return withRestore(target, trial, async () => {
    await trial.serve([share(version, 100)], 'the gradual deployment is ended', { force: true });
    return `\nVersion ${version} has all requests again.\n`;
  });
}

async function requireConsent(question: string, { isConfirmed = false }: RollbackChoice, { confirm }: RollbackHost) {
  if (isConfirmed) return;
  if (!confirm) throw new Error(`${question} Nobody can be asked here: add --yes. Nothing was changed.`);
  if (!(await confirm(question))) throw new Error('Nothing was changed.');
}

/** @throws when no version, or more than one, has such an id */
function resolve(versions: readonly ListedVersion[], wanted: string): string {
  const found = versions.filter(({ id }) => id.startsWith(wanted));
  const [only] = found;
  if (only && found.length === 1) return only.id;
  throw new Error(
    found.length === 0
      ? `The account has no version ${wanted}. Nothing was changed.`
      : `Several versions begin with ${wanted}: give more of the id. Nothing was changed.`,
  );
}

const oldest = (versions: readonly ListedVersion[], ids: readonly string[]): string | undefined =>
  versions.findLast(({ id }) => ids.includes(id))?.id;

/** The version that was live before this code was, however often it was copied since or gone back to. */
async function versionBefore(
  target: Target,
  versions: readonly ListedVersion[],
  main: string,
): Promise<string | undefined> {
  const origins = new Map(versions.map((version) => [version.id, originOf(version)]));
  const origin = (id: string) => origins.get(id) ?? id;
  const history = ((await findDeployments(target)) ?? []).map(mainVersion).filter((id) => id !== undefined);
  const begin = history.findLastIndex((id) => origin(id) === origin(main));
  const now = await readVersion(target, main);
  const seen = new Set<string>();
  for (const id of history.slice(begin + 1)) {
    if (seen.has(id)) continue;
    seen.add(id);
    // A version that the dashboard or `wrangler secret put` made is the same code with another secret.
    if (!isSameCode(await readVersion(target, id), now)) return id;
  }
  return undefined;
}

function isSameCode(a: Version, b: Version): boolean {
  const [first, second] = [a, b].map(({ resources }) => ({
    etag: resources.script?.etag,
    bindings: resources.bindings
      .filter(({ type }) => type !== 'secret_text')
      .toSorted((one, other) => one.name.localeCompare(other.name)),
  }));
  return first?.etag !== undefined && JSON.stringify(first) === JSON.stringify(second);
}

async function drawVersions(
  target: Target,
  versions: readonly ListedVersion[],
  live: NonNullable<Trial['live']>,
): Promise<string> {
  const shown = await Promise.all(versions.slice(0, MAX_LISTED).map(({ id }) => readVersion(target, id)));
  const lines = shown.map((version) => {
    const { id, metadata, annotations } = version;
    const percent = live.versions.find(({ version_id }) => version_id === id)?.percentage ?? 0;
    const time = metadata.created_on.slice(0, 16).replace('T', ' ');
    const model = variableOf(version, 'MODEL') ?? '';
    const message = annotations?.['workers/message'] ?? '';
    const isLive = percent > 0 ? `live (${percent} %)` : '';
    return `  ${[id, time, model, message === model ? '' : message, isLive].filter(Boolean).join('  ')}`;
  });
  const more = versions.length > MAX_LISTED ? [`  and ${versions.length - MAX_LISTED} older ones`] : [];
  return ['Versions, the newest first:', ...lines, ...more].join('\n');
}

function explainChange(before: Version, now: Version): string {
  const [then, present] = [secretsOf(before), secretsOf(now)];
  const missing = present.filter((name) => !then.includes(name));
  const gone = then.filter((name) => !present.includes(name));
  return [
    ...explainSettings(before, now),
    present.length === 0 ? 'There is no secret now.' : `Secrets stay as they are now: ${present.join(', ')}.`,
    ...(missing.length > 0 ? [`That version did not have ${missing.join(', ')}: it is put onto it.`] : []),
    ...(gone.length > 0 ? [`That version had ${gone.join(', ')}, which was taken away since: it stays away.`] : []),
  ].join('\n');
}

/** Each setting that changes back, by its name. */
function explainSettings(before: Version, now: Version): string[] {
  const [then, present] = [settingsOf(before), settingsOf(now)];
  const names = [...new Set([...present.keys(), ...then.keys()])];
  const changed = names.filter((name) => then.get(name) !== present.get(name));
  if (changed.length === 0) return ['Going back changes the code. All settings are the same.'];
  const path = changed.includes('BASE_PATH')
    ? ['  Everything is answered below another path then: clients, routes and links have to follow.']
    : [];
  return [
    'Going back changes the code, and these settings:',
    ...changed.map((name) => `  ${name}: ${present.get(name) ?? UNSET} becomes ${then.get(name) ?? UNSET}`),
    ...path,
  ];
}

/** The variables, the limits and what else is bound, but for secrets, in words. */
function settingsOf({ resources }: Version): Map<string, string> {
  const bound = resources.bindings.filter(({ type }) => type !== 'secret_text');
  return new Map([
    ...bound.map(({ name, type, text, simple, ...rest }): [string, string] => [
      name,
      text ?? (simple ? `${simple.limit} in ${simple.period} s` : `${type} ${JSON.stringify(rest)}`),
    ]),
    ...Object.entries(resources.script_runtime?.limits ?? {}).map(([name, value]): [string, string] => [
      `limits.${name}`,
      String(value),
    ]),
  ]);
}
