/** Asks a version of the worker before it serves anybody. Does I/O. */
import { VERSION_HEADER } from '../../src/http/version-header.ts';
import { endingSignal, pauseUnlessStopped } from './api.ts';

/** A new version answers only after a while, and the first question loads the model. */
const READY_WITHIN_MS = 60_000;
const MAX_MS = 30_000;
/** How long an override may take to hold everywhere: "a couple of seconds", says the documentation. For a version that does not name itself. */
const SETTLE_MS = 15_000;
const MASKED = { inputs: 'Paris is the [MASK] of France.' };

export interface SmokeTest {
  readonly url: string;
  /** Which version of which worker is meant, where others answer at this address too. */
  readonly override?: { readonly worker: string; readonly version: string };
  /** `<id>@<revision>` of each model that it has to serve, the default one first, if they are known. */
  readonly models?: readonly string[];
  /** Instead of the environment variable API_KEY. */
  readonly key?: string | undefined;
  /** Whether a version that asks for a key passes where there is none to try: its code is known to work. */
  readonly isClosedEnough?: boolean;
  readonly fetch: typeof fetch;
  /** Between two attempts, until it is ready. */
  readonly pauseMs?: number;
  readonly readyWithinMs?: number;
  readonly settleMs?: number;
  readonly stop?: AbortSignal | undefined;
}

interface Answered {
  readonly status: number;
  readonly answer: unknown;
  readonly text: string;
  /** The version that answered, if it says so. */
  readonly version?: string | null;
}

/** The test cannot reach the worker, and trying again does not help. */
class AccessError extends Error {}

/**
 * @returns whether the version asks for a key
 * @throws naming the question that was answered wrongly
 */
export async function smokeTest(test: SmokeTest): Promise<{ isClosed: boolean }> {
  const { url, override, pauseMs = 2_000, readyWithinMs = READY_WITHIN_MS, settleMs = SETTLE_MS, stop } = test;
  const key = test.key ?? (process.env['API_KEY'] || undefined);
  const selected: Record<string, string> = override
    ? { 'cloudflare-workers-version-overrides': `${override.worker}="${override.version}"` }
    : {};
  const ask = async (path: string, body?: unknown, withKey = true) =>
    askWorker(
      test.fetch,
      new URL(url + path),
      body,
      { ...selected, ...(withKey && key !== undefined && { authorization: `Bearer ${key}` }) },
      stop,
    );

  const began = Date.now();
  /** A version of before this header does not name itself: it is given time instead. */
  const isMeant = ({ version }: Answered) =>
    !override || version === override.version || (!version && Date.now() - began >= settleMs);
  const waitFor = async (path: string): Promise<void> => {
    for (;;) {
      const found = await ask(path).catch(asAnswer);
      stop?.throwIfAborted();
      if (found.status === 200 && isMeant(found)) return;
      const isWaiting = found.status === 200 && !found.version;
      // A wrong setting stays wrong. With an override, the answer may be that of another version still.
      const isHopeless = !override && errorType(found.answer) === 'misconfigured';
      if (isHopeless || Date.now() - began >= readyWithinMs + (isWaiting ? settleMs : 0)) {
        throw new Error(
          found.status === 200
            ? `GET ${path} is answered by version ${found.version}, not by ${override?.version}`
            : `GET ${path} answers ${found.status}: ${found.text}`,
        );
      }
      await pauseUnlessStopped(pauseMs, stop);
    }
  };

  let isClosed = false;
  const models = test.models ?? [undefined];
  for (const [i, model] of models.entries()) {
    // The default model has the plain routes.
    const at = i === 0 ? '' : `/models/${model}`;
    await waitFor(`${at}/ready`);
    const info = await ask(`${at}/info`);
    const found = (info.answer ?? {}) as { model?: string; revision?: string };
    if (model && `${found.model}@${found.revision}` !== model) {
      throw new Error(`GET ${at}/info says ${found.model}@${found.revision} instead of ${model}`);
    }

    let predicted = await ask(`${at}/fill-mask`, MASKED, false);
    if (predicted.status === 401) {
      isClosed = true;
      predicted = await ask(`${at}/fill-mask`, MASKED);
      // The key in API_KEY may be the one that was revoked.
      if (predicted.status === 401 && test.key === undefined && test.isClosedEnough) continue;
    }
    if (predicted.status === 401) {
      const problem = key === undefined ? 'asks for a key' : 'does not accept the key in API_KEY';
      throw new Error(`POST /fill-mask ${problem}: set the environment variable API_KEY to a key of the worker`);
    }
    const [first] = Array.isArray(predicted.answer)
      ? (predicted.answer as { score?: number; token_str?: string }[])
      : [];
    if (predicted.status !== 200 || !first?.token_str || !(Number(first.score) > 0)) {
      throw new Error(`POST ${at}/fill-mask answers ${predicted.status} and no prediction: ${predicted.text}`);
    }

    const refused = await ask(`${at}/fill-mask`, { inputs: 'A text without a mask.' });
    if (refused.status !== 422 || !errorType(refused.answer)) {
      throw new Error(
        `POST ${at}/fill-mask answers ${refused.status} to a text without a mask, not 422: ${refused.text}`,
      );
    }
  }
  // Every answer came from the version that is meant, if the first and the last did.
  await waitFor('/ready');
  return { isClosed };
}

const errorType = (answer: unknown) => (answer as { error_type?: string } | null | undefined)?.error_type;

/** @returns whether the worker answers without a key; undefined where that cannot be told */
export async function answersAnybody(url: string, send: typeof fetch): Promise<boolean | undefined> {
  const asked = await askWorker(send, new URL(`${url}/fill-mask`), MASKED, {}).catch(asAnswer);
  if (asked.status === 401) return false;
  return asked.status === 200 ? true : undefined;
}

async function askWorker(
  send: typeof fetch,
  url: URL,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  stop?: AbortSignal,
): Promise<Answered> {
  const { CF_ACCESS_CLIENT_ID: id, CF_ACCESS_CLIENT_SECRET: secret } = process.env;
  const response = await send(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'cache-control': 'no-store',
      ...(id && secret && { 'cf-access-client-id': id, 'cf-access-client-secret': secret }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // A page for logging in is no answer of the worker.
    redirect: 'manual',
    signal: endingSignal(MAX_MS, stop),
  });
  const to = response.headers.get('location') ?? '';
  if (response.status >= 300 && response.status < 400 && to) {
    const isAccess = to.includes('cloudflareaccess.com') || to.includes('/cdn-cgi/access/');
    throw new AccessError(
      isAccess
        ? `${url.host} is behind Cloudflare Access, which ${id && secret ? 'does not accept the service token in' : 'asks for a login: set'} CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET${id && secret ? '' : ' to a service token'} (docs/deploying.md)`
        : `${url.href} redirects to ${new URL(to, url).origin}, and the worker redirects nobody: look at the rules of the zone`,
    );
  }
  const text = await response.text();
  const version = response.headers.get(VERSION_HEADER);
  return { status: response.status, answer: parse(text), text: text.slice(0, 300), version };
}

function asAnswer(error: unknown): Answered {
  if (error instanceof AccessError) throw error;
  const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return { status: 0, answer: undefined, text: `it cannot be reached (${code ?? message})` };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
