/** `npm run keys`: API keys, each a secret of its own, so that no other key has to be known to change one. Does I/O. */
import { randomBytes } from 'node:crypto';

import { digestOf } from '../../src/cache/digest.ts';
import { KEY_NAME, NAMED_KEY_PREFIX } from '../../src/schemas/api-key.ts';
import { withoutStop } from './api.ts';
import { accountBucket } from './bucket.ts';
import { replaceLive } from './replace-live.ts';
import { type AccountHost, startTrial, type Trial, withRestore } from './trial.ts';
import { copyVersion, findDeployments, listVersions, mainVersion, readVersion, secretsOf } from './versions.ts';
import { findTarget, type Target } from './worker.ts';

/** The list of keys that is set by hand. */
const LIST = 'API_KEYS';
const KEY_BYTES = 32;

export interface KeysChoice {
  readonly env?: string | undefined;
  readonly isOpenAllowed?: boolean;
}

/** As the log and the metrics name a key of API_KEYS. */
const shortDigestOf = async (key: string): Promise<string> => (await digestOf([key])).slice(0, 16);

/** The name of a secret, and what it holds. */
export type MadeKey = readonly [secret: string, key: string];

export const makeKey = (): string => randomBytes(KEY_BYTES).toString('base64url');

/** @throws when it cannot be a part of the name of a secret */
export function secretOfKey(given: string): string {
  const name = given.toUpperCase().replaceAll('-', '_');
  if (KEY_NAME.test(name)) return NAMED_KEY_PREFIX + name;
  throw new Error(`"${given}" is no name of a key: use up to 32 letters, digits, - and _, a letter first`);
}
const nameOf = (secret: string): string => secret.slice(NAMED_KEY_PREFIX.length);
const isKey = (secret: string): boolean => secret === LIST || secret.startsWith(NAMED_KEY_PREFIX);

/** Names and digests of the keys of what is live, never a key. */
export async function listKeys(choice: KeysChoice, host: AccountHost): Promise<string> {
  const target = await findTarget(choice.env, host);
  const keys = await readKeys(target);
  if (keys.length === 0) return `${target.name} has no keys: it answers anybody. To close it: npm run keys -- add NAME`;
  const digests = await readDigests(target);
  return keys
    .map((secret) =>
      secret === LIST
        ? `${LIST}  a list that was set by hand; the log names its keys by their digests`
        : `${nameOf(secret)}  ${digests[nameOf(secret)] ?? 'made elsewhere: its digest is not known'}`,
    )
    .join('\n');
}

/**
 * @param names of keys that do not exist yet
 * @returns the closing words, with the keys: they are shown this once
 */
export async function addKeys(names: readonly string[], choice: KeysChoice, host: AccountHost): Promise<string> {
  const { target, trial, keys } = await open(choice, host);
  const secrets = names.map(secretOfKey);
  const known = secrets.find((secret) => keys.includes(secret));
  if (known) throw new Error(`There is a key ${nameOf(known)} already: npm run keys -- rotate ${nameOf(known)}`);
  return setKeys(target, trial, host, secrets, 'added');
}

/** Replaces keys. The ones before are refused at once. */
export async function rotateKeys(names: readonly string[], choice: KeysChoice, host: AccountHost): Promise<string> {
  const { target, trial, keys } = await open(choice, host);
  const secrets = names.map(secretOfKey);
  requireKnown(secrets, keys);
  return setKeys(target, trial, host, secrets, 'rotated');
}

/** Takes keys away. @throws when none would be left, unless the worker may be open */
export async function revokeKeys(names: readonly string[], choice: KeysChoice, host: AccountHost): Promise<string> {
  const { target, trial, keys } = await open(choice, host);
  const secrets = names.map((name) => (name === LIST ? LIST : secretOfKey(name)));
  requireKnown(secrets, keys);
  if (keys.every((key) => secrets.includes(key)) && !choice.isOpenAllowed) {
    throw new Error(
      'No key would be left, and the worker would answer anybody: add another key before, or repeat with --open. Nothing was changed.',
    );
  }
  const changes = Object.fromEntries(secrets.map((secret) => [secret, null]));
  const what = secrets.map((secret) => (secret === LIST ? LIST : nameOf(secret))).join(', ');
  const message = `key revoked: ${what}`;
  const isClosed = await apply(target, trial, host, { changes, message });
  await writeDigests(target, host, Object.fromEntries(secrets.map((secret) => [nameOf(secret), undefined])));
  return `\nRevoked: ${what}. ${isClosed === false ? 'The worker answers anybody now.' : 'Nobody is let in by it any more.'}\n`;
}

async function setKeys(
  target: Target,
  trial: Trial,
  host: AccountHost,
  secrets: readonly string[],
  done: 'added' | 'rotated',
): Promise<string> {
  const made = secrets.map((secret) => [secret, makeKey()] as const);
  const message = `key ${done}: ${secrets.map(nameOf).join(', ')}`;
  await apply(target, trial, host, { changes: Object.fromEntries(made), message, key: made[0]?.[1] });
  await keepDigests(target, host, made);
  return showKeys(made);
}

/** The words that show keys, once. */
export function showKeys(made: readonly MadeKey[]): string {
  const lines = made.map(([secret, key]) => `  ${nameOf(secret)}  ${key}`).join('\n');
  return `\nEvery question needs a key: authorization: Bearer <key>. A key is shown this once:\n\n${lines}\n`;
}

async function open(choice: KeysChoice, host: AccountHost) {
  const target = await findTarget(choice.env, host);
  if ((await findDeployments(target)) === undefined) {
    throw new Error(
      `There is no worker ${target.name} in the account yet. To make it with keys: npm run deploy -- --keys FILE`,
    );
  }
  return { target, trial: await startTrial(target, host, choice), keys: await readKeys(target) };
}

/** Changes the secrets of what is live, and of nothing else. */
async function apply(
  target: Target,
  trial: Trial,
  host: AccountHost,
  change: Parameters<typeof replaceLive>[3],
): Promise<boolean | undefined> {
  return withRestore(
    target,
    trial,
    async () => {
      if (trial.live) return replaceLive(target, trial, host, change);
      // A draft: the next deployment takes the secrets of its newest version.
      const [newest] = await listVersions(target);
      if (!newest) throw new Error(`The worker ${target.name} has no version yet: npm run deploy -- --keys FILE`);
      await copyVersion(target, { of: newest.id, secretsFrom: newest.id, ...change, say: host.say });
      return undefined;
    },
    ' The keys are as before.',
  );
}

/** The secrets with keys of what is live, or of the newest version where nothing is. */
export async function readKeys(target: Target): Promise<string[]> {
  const [live] = (await findDeployments(target)) ?? [];
  const id = mainVersion(live) ?? (await listVersions(target))[0]?.id;
  return id === undefined
    ? []
    : secretsOf(await readVersion(target, id))
        .filter(isKey)
        .toSorted();
}

function requireKnown(secrets: readonly string[], keys: readonly string[]): void {
  const unknown = secrets.find((secret) => !keys.includes(secret));
  if (unknown === undefined) return;
  const known = keys.map((key) => (key === LIST ? key : nameOf(key))).join(', ');
  throw new Error(
    `There is no key ${nameOf(unknown)}: ${known ? `the keys are ${known}` : 'there are none'}. Nothing was changed.`,
  );
}

/** A secret cannot be read, so the digests of the keys that were made here are kept in the bucket. */
type Digests = Readonly<Record<string, string | undefined>>;
const keyOfDigests = ({ name }: Target): string => `keys/${name}.json`;

async function readDigests(target: Target): Promise<Digests> {
  const bytes = await accountBucket(target).read(keyOfDigests(target));
  return bytes ? (JSON.parse(new TextDecoder().decode(bytes)) as Digests) : {};
}

export async function keepDigests(target: Target, host: AccountHost, made: readonly MadeKey[]): Promise<void> {
  const digests = await Promise.all(made.map(async ([secret, key]) => [nameOf(secret), await shortDigestOf(key)]));
  await writeDigests(target, host, Object.fromEntries(digests) as Digests);
}

/** The keys themselves are live by then: a failure costs only what `list` shows. */
async function writeDigests(target: Target, { say }: AccountHost, changed: Digests): Promise<void> {
  const after = withoutStop(target);
  try {
    const digests = JSON.stringify({ ...(await readDigests(after)), ...changed }, null, 2);
    await accountBucket(after).put(keyOfDigests(after), new Blob([digests]));
  } catch (error) {
    say(
      `The digests for npm run keys -- list could not be kept (${(error as Error).message}). The keys are as wanted.`,
    );
  }
}
