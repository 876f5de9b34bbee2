/** The versions and deployments of a worker in an account. Does I/O. */
import { callApi, find, findResult, readResult } from './api.ts';
import { SCRIPTS, type Target } from './worker.ts';

export interface Share {
  readonly version_id: string;
  /** Percent of the requests. */
  readonly percentage: number;
}

/** Which versions serve. */
export interface Deployment {
  readonly id: string;
  readonly created_on?: string;
  readonly versions: readonly Share[];
}

interface Binding {
  readonly name: string;
  readonly type: string;
  /** Absent for a secret: the account never shows one. */
  readonly text?: string;
  /** Of a rate limit. */
  readonly simple?: { readonly limit: number; readonly period: number };
}

/** A version in the list of all. */
export interface ListedVersion {
  readonly id: string;
  /** The first one is 1. */
  readonly number: number;
  readonly metadata: { readonly created_on: string };
  readonly annotations?: { readonly 'workers/message'?: string; readonly 'workers/tag'?: string };
}

export interface Version extends ListedVersion {
  readonly resources: {
    readonly bindings: readonly Binding[];
    /** The etag is a hash of the code. */
    readonly script?: { readonly etag?: string };
    readonly script_runtime?: {
      readonly compatibility_date?: string;
      readonly compatibility_flags?: readonly string[];
      readonly limits?: object;
    };
  };
}

/** What to change of the secrets of a copy: a text, or null to leave one out. */
export type SecretChanges = Readonly<Record<string, string | null>>;

const request = { permission: SCRIPTS } as const;
const pathOf = ({ account, name }: Target): string => `/accounts/${account}/workers/scripts/${name}`;

/** @returns the deployments, the one that is live first; undefined where there is no such worker */
export async function findDeployments(target: Target): Promise<readonly Deployment[] | undefined> {
  const found = await findResult<{ deployments: Deployment[] }>(target, `${pathOf(target)}/deployments`, request);
  return found?.deployments;
}

/** The newest first, live or not. */
export async function listVersions(target: Target): Promise<readonly ListedVersion[]> {
  // The account offers the newest 100 for a deployment.
  const path = `${pathOf(target)}/versions?deployable=true`;
  const { items } = await readResult<{ items: ListedVersion[] }>(target, path, request);
  return items.toSorted((a, b) => b.number - a.number);
}

export const readVersion = (target: Target, id: string): Promise<Version> =>
  readResult<Version>(target, `${pathOf(target)}/versions/${id}`, request);

export const secretsOf = ({ resources }: Version): string[] =>
  resources.bindings.filter(({ type }) => type === 'secret_text').map(({ name }) => name);

/** The text of a variable. */
export const variableOf = ({ resources }: Version, wanted: string): string | undefined =>
  resources.bindings.find(({ name }) => name === wanted)?.text;

/** The version that most requests reach. */
export function mainVersion(deployment: Deployment | undefined): string | undefined {
  return deployment?.versions.toSorted((a, b) => b.percentage - a.percentage)[0]?.version_id;
}

/**
 * @param force also where secrets have changed since a version was live: the account refuses that otherwise (10220). For going back
 *   to what was live a moment ago
 * @returns the id of the deployment
 */
export async function putDeployment(
  target: Target,
  versions: readonly Share[],
  message: string,
  { force = false } = {},
): Promise<string> {
  const { id } = await readResult<{ id: string }>(
    target,
    `${pathOf(target)}/deployments${force ? '?force=true' : ''}`,
    {
      ...request,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ strategy: 'percentage', versions, annotations: { 'workers/message': message } }),
    },
  );
  return id;
}

/** How a copy names the version that it is a copy of. */
const COPY = /^copy-of-([0-9a-f-]{36})$/;

/** The version that a copy was made of, or its own id. */
export const originOf = ({ id, annotations }: ListedVersion): string =>
  COPY.exec(annotations?.['workers/tag'] ?? '')?.[1] ?? id;

/**
 * Copies the code, the variables and the bindings of one version, and takes the secrets of another. A secret cannot be read, so the
 * account is told to inherit it.
 * @returns the id of the copy, which is the newest version then, and not live
 */
export async function copyVersion(
  target: Target,
  copy: {
    readonly of: string;
    readonly secretsFrom: string;
    readonly changes?: SecretChanges;
    readonly message: string;
    readonly say: (line: string) => void;
  },
): Promise<string> {
  const { of, secretsFrom, changes = {}, message, say } = copy;
  const [source, [newest]] = await Promise.all([readVersion(target, of), listVersions(target)]);
  const tag = `copy-of-${originOf(source)}`;
  if (newest?.id === of && secretsFrom === of) {
    // wrangler copies the newest version, and no other.
    const bulk = ['versions', 'secret', 'bulk', '--message', message, '--tag', tag];
    await target.wrangler(bulk, say, JSON.stringify(changes));
    const copied = (await listVersions(target))[0];
    if (!copied || copied.id === of || copied.annotations?.['workers/tag'] !== tag) {
      throw new Error('the account does not show the new version: run it again');
    }
    return copied.id;
  }
  const secrets = secretsFrom === of ? secretsOf(source) : secretsOf(await readVersion(target, secretsFrom));
  return uploadCopy(target, source, { secrets, secretsFrom, changes, message, tag });
}

/** As wrangler copied a version before the account could (`copyWorkerVersionWithNewSecrets` in its releases of 2025). */
async function uploadCopy(
  target: Target,
  { id, resources }: Version,
  copy: {
    readonly secrets: readonly string[];
    readonly secretsFrom: string;
    readonly changes: SecretChanges;
    readonly message: string;
    readonly tag: string;
  },
): Promise<string> {
  const content = await callApi(target, `${pathOf(target)}/content/v2?version=${id}`, request);
  const main_module = content.headers.get('cf-entrypoint');
  const form = await content.formData();
  const { compatibility_date, compatibility_flags, limits } = resources.script_runtime ?? {};
  const others = resources.bindings.filter(({ type }) => type !== 'secret_text');
  const metadata = {
    main_module,
    compatibility_date,
    compatibility_flags,
    limits,
    bindings: [
      ...others.map(({ name }) => ({ name, type: 'inherit', version_id: id })),
      ...copy.secrets
        .filter((name) => !Object.hasOwn(copy.changes, name))
        .map((name) => ({ name, type: 'inherit', version_id: copy.secretsFrom })),
      ...Object.entries(copy.changes).flatMap(([name, text]) =>
        text === null ? [] : [{ name, type: 'secret_text', text }],
      ),
    ],
    // All secrets are named above: none comes from the newest version.
    keep_bindings: [],
    keep_assets: true,
    annotations: { 'workers/message': copy.message, 'workers/tag': copy.tag },
  };
  form.set('metadata', new Blob([JSON.stringify(metadata)], { type: 'application/json' }));
  const path = `${pathOf(target)}/versions`;
  const { id: copied } = await readResult<{ id: string }>(target, path, { ...request, method: 'POST', body: form });
  return copied;
}

export interface Subdomain {
  /** Whether the worker answers on workers.dev. */
  readonly enabled: boolean;
  /** Whether each version answers at an address of its own. */
  readonly previews_enabled: boolean;
  readonly preview_url_suffix?: string;
}

export async function readSubdomain(target: Target): Promise<Subdomain> {
  const found = await find(readResult<Subdomain>(target, `${pathOf(target)}/subdomain`, request));
  return found ?? { enabled: false, previews_enabled: false };
}

export async function setSubdomain(target: Target, { enabled, previews_enabled }: Subdomain): Promise<void> {
  await readResult(target, `${pathOf(target)}/subdomain`, {
    ...request,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ enabled, previews_enabled }),
  });
}
