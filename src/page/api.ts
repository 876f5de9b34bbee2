/** Calls the API. Every failure is a value: the server may be down, slow, or another service. */
import { addressOf } from './address.ts';
import { parseError } from './parse-response.ts';

const TIMEOUT_MS = 60_000;

export type Outcome =
  | { readonly kind: 'answered'; readonly document: unknown; readonly headers: Headers; readonly took_ms: number }
  /** @property status undefined if there was no answer at all @property wait_s the seconds of Retry-After */
  | { readonly kind: 'failed'; readonly message: string; readonly status?: number; readonly wait_s?: number }
  /** By the caller, so there is nothing to report. */
  | { readonly kind: 'cancelled' };

export type Settled = Exclude<Outcome, { kind: 'cancelled' }>;

/** Whether the server asks to wait or wants a key, so that asking while a person types is of no use. */
export const isRefused = (outcome: Settled): boolean =>
  outcome.kind === 'failed' && (outcome.status === 401 || outcome.status === 429);

/** @param path of a route @param headers with the API key, where there is one */
export async function ask(
  path: string,
  body: unknown,
  cancel: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const began = performance.now();
  try {
    const response = await fetch(addressOf(path), {
      signal: AbortSignal.any([cancel, timeout]),
      headers,
      ...(body !== undefined && {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    });
    const text = await response.text();
    const took_ms = performance.now() - began;
    if (cancel.aborted) return { kind: 'cancelled' };
    return outcomeOf(response, text, took_ms);
  } catch {
    if (cancel.aborted) return { kind: 'cancelled' };
    return { kind: 'failed', message: timeout.aborted ? NO_ANSWER : NO_SERVER };
  }
}

const NO_SERVER = 'The server cannot be reached. Check your connection and ask again.';
const NO_ANSWER = `There was no answer within ${TIMEOUT_MS / 1000} seconds. Ask again.`;

function outcomeOf(response: Response, text: string, took_ms: number): Outcome {
  const { status, headers } = response;
  let document: unknown;
  let isJson = true;
  try {
    document = JSON.parse(text);
  } catch {
    isJson = false;
  }
  if (response.ok && isJson) return { kind: 'answered', document, headers, took_ms };
  const wait_s = parseRetryAfter(headers.get('retry-after'), Date.now());
  const message = parseError(document) ?? describeStatus(status, isJson);
  return { kind: 'failed', message, status, ...(wait_s !== undefined && { wait_s }) };
}

/** For answers of a proxy or another service, which lack the error message of the API. */
function describeStatus(status: number, isJson: boolean): string {
  if (status === 401) return 'This deployment needs an API key (status 401).';
  if (status === 429) return 'The server has too many requests at the moment (status 429).';
  if (status >= 500) return `The server failed (status ${status}) and did not say why. Ask again later.`;
  return isJson
    ? `The server answered with status ${status} and did not say why.`
    : `The server answered with status ${status} and a body that is not JSON. Is this the address of the API?`;
}

/** Seconds, or a date (RFC 9110, 10.2.3). @returns whole seconds from now */
export function parseRetryAfter(header: string | null, now_ms: number): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - now_ms) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}
