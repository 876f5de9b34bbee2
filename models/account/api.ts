/** The API of a Cloudflare account: requests, and what their refusals mean. Does I/O. */
import { setTimeout as pause } from 'node:timers/promises';

const PUBLIC = 'https://api.cloudflare.com/client/v4';
const PAUSES_MS: readonly number[] = [1_000, 4_000];
/** The API counts requests in a window of five minutes: a longer wait than that is not believed. */
const MAX_RETRY_AFTER_S = 600;
/** Of an error that is no JSON, in characters. */
const MAX_TEXT = 300;
/** Of one request: long enough for 100 MB over a slow line. */
const MAX_MS = 600_000;

/** What gives access to one account. */
export interface Access {
  readonly token: string;
  readonly fetch: typeof fetch;
  /** Before each further attempt. */
  readonly pausesMs?: readonly number[];
  /** Is told about a long wait. */
  readonly say?: (line: string) => void;
  /** Waits, in milliseconds. */
  readonly sleep?: (ms: number) => Promise<void>;
  /**
   * Once it is aborted, no request begins, and one that only reads, or can be repeated, ends. A POST is waited for, so that what it
   * has changed is known.
   */
  readonly stop?: AbortSignal | undefined;
}

/** For what has to be done although the command was stopped. */
export const withoutStop = <T extends Pick<Access, 'stop'>>(given: T): T => ({ ...given, stop: undefined });

/** @throws the reason of the stop, as soon as there is one */
export async function pauseUnlessStopped(ms: number, stop: AbortSignal | undefined): Promise<void> {
  await pause(ms, undefined, { ...(stop && { signal: stop }) }).catch(() => undefined);
  stop?.throwIfAborted();
}

/** Ends a request after a time, or when the command is stopped. */
export const endingSignal = (ms: number, stop: AbortSignal | undefined): AbortSignal =>
  AbortSignal.any([AbortSignal.timeout(ms), ...(stop ? [stop] : [])]);

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly body?: string | Blob | FormData;
  readonly headers?: Readonly<Record<string, string>>;
  /** The permission of a token that it needs, as the dashboard calls it. */
  readonly permission: string;
}

/** A refusal by the API. */
export class ApiError extends Error {
  readonly status: number;
  /** Of the first error that the API names, or 0. */
  readonly code: number;
  constructor(message: string, status: number, code: number) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const R2_NOT_ENABLED = 10_042;
const HOW_TO_LOG_IN = 'run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN to a token (docs/deploying.md)';

/**
 * Sends a request, and again when the API is busy or cannot be reached.
 * @param path below the root of the API
 * @throws {ApiError} saying what to do, for every status but 2xx
 */
export async function callApi(access: Access, path: string, request: ApiRequest): Promise<Response> {
  const { method = 'GET', body, headers, permission } = request;
  const url = `${process.env['CLOUDFLARE_API_BASE_URL'] || PUBLIC}${path}`;
  const send = async () =>
    access.fetch(url, {
      method,
      headers: { authorization: `Bearer ${access.token}`, ...headers },
      ...(body !== undefined && { body }),
      // The API does not redirect, and the token belongs to nobody else.
      redirect: 'error',
      signal: endingSignal(MAX_MS, method === 'POST' ? undefined : access.stop),
    });
  for (const pauseMs of [...(access.pausesMs ?? PAUSES_MS), undefined]) {
    access.stop?.throwIfAborted();
    const answer = await send().catch((error: unknown) => unreachable(url, error));
    const failed = answer instanceof Error;
    if (!failed && answer.ok) return answer;
    const isTransient = failed || answer.status === 429 || answer.status >= 500;
    if (isTransient && pauseMs !== undefined) {
      const askedFor = failed ? undefined : retryAfter(answer);
      if (!failed) await answer.body?.cancel();
      if (askedFor !== undefined) access.say?.(`The API of the account is busy: waiting ${askedFor} s, as it asks for`);
      const ms = askedFor === undefined ? pauseMs : 1000 * askedFor;
      await (access.sleep?.(ms) ?? pauseUnlessStopped(ms, access.stop));
      continue;
    }
    access.stop?.throwIfAborted();
    throw failed ? answer : await explain(answer, `${method} ${path}`, permission);
  }
  throw new Error('unreachable');
}

/** Seconds, as a 429 asks for; undefined where it does not. */
function retryAfter({ status, headers }: Response): number | undefined {
  const given = headers.get('retry-after') ?? '';
  if (status !== 429 || !given) return undefined;
  const seconds = /^\d+$/.test(given) ? Number(given) : Math.ceil((Date.parse(given) - Date.now()) / 1000);
  return seconds >= 0 && seconds <= MAX_RETRY_AFTER_S ? seconds : undefined;
}

/** The `result` of a JSON answer. */
export async function readResult<T>(access: Access, path: string, request: ApiRequest): Promise<T> {
  const { result } = (await (await callApi(access, path, request)).json()) as { result: T };
  return result;
}

/** @returns undefined where the API answers 404 */
export async function find<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** The `result` of a JSON answer. @returns undefined where the API answers 404 */
export const findResult = <T>(access: Access, path: string, request: ApiRequest): Promise<T | undefined> =>
  find(readResult<T>(access, path, request));

export const lacks = (permission: string): string =>
  `the token lacks the permission "${permission}": add it in the dashboard under My Profile, API Tokens`;

async function explain(answer: Response, what: string, permission: string): Promise<ApiError> {
  const { status } = answer;
  const text = await answer.text().catch(() => '');
  const { code = 0, message = text.slice(0, MAX_TEXT) } = firstError(text) ?? {};
  const problem =
    code === R2_NOT_ENABLED
      ? 'R2 is not enabled in this account: open R2 in the dashboard and accept its terms (it has a free allowance)'
      : status === 401
        ? `the account does not accept the token: ${HOW_TO_LOG_IN}`
        : status === 403
          ? lacks(permission)
          : `the API refused ${what}`;
  return new ApiError(
    `${problem} (${status}${code ? `, code ${code}` : ''}${message && `: ${message}`})`,
    status,
    code,
  );
}

/** Not every part of the API answers in JSON. */
function firstError(text: string): { code?: number; message?: string } | undefined {
  try {
    return (JSON.parse(text) as { errors?: { code?: number; message?: string }[] }).errors?.[0];
  } catch {
    return undefined;
  }
}

function unreachable(url: string, error: unknown): Error {
  const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return new Error(`${new URL(url).host} cannot be reached (${code ?? message})`, { cause: error });
}

interface Account {
  readonly id: string;
  readonly name: string;
}

/** The account that is meant. @throws when none can be told from the token */
export async function findAccount(access: Access): Promise<string> {
  const named = process.env['CLOUDFLARE_ACCOUNT_ID'];
  if (named) return named;
  const accounts = await readResult<Account[]>(access, '/accounts', { permission: 'Account Settings: Read' });
  const [only] = accounts;
  if (only && accounts.length === 1) return only.id;
  const list = accounts.map(({ id, name }) => `\n  ${id}  ${name}`).join('');
  throw new Error(
    `Set CLOUDFLARE_ACCOUNT_ID: ${only ? 'the token is of several accounts' : 'the token does not show its account'}${list}`,
  );
}
