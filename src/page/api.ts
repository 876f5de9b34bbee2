/** Asks the API. What comes back is a value, whatever happens: the server may be down, slow, or not ours. */
import { parseError } from './parse-response.ts';

/** After this long there is no hope, and whoever waits is told. */
const PATIENCE_MS = 60_000;

export type Outcome =
  | { readonly kind: 'answered'; readonly document: unknown; readonly headers: Headers; readonly took_ms: number }
  /** @property wait_s what Retry-After asks for */
  | { readonly kind: 'refused'; readonly sentence: string; readonly wait_s?: number }
  /** By whoever asked: there is nothing to say. */
  | { readonly kind: 'cancelled' };

export async function ask(path: string, body: unknown, cancel: AbortSignal): Promise<Outcome> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const began = performance.now();
  try {
    const response = await fetch(path, {
      signal: AbortSignal.any([cancel, patience]),
      ...(body !== undefined && {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const text = await response.text();
    const took_ms = performance.now() - began;
    if (cancel.aborted) return { kind: 'cancelled' };
    return outcomeOf(response, text, took_ms);
  } catch {
    if (cancel.aborted) return { kind: 'cancelled' };
    return { kind: 'refused', sentence: patience.aborted ? NO_ANSWER : NO_SERVER };
  }
}

const NO_SERVER = 'The server cannot be reached. Look whether you are online, and ask again.';
const NO_ANSWER = `There was no answer within ${PATIENCE_MS / 1000} seconds. Ask again.`;

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
  const sentence = parseError(document) ?? describeStatus(status, isJson);
  return { kind: 'refused', sentence, ...(wait_s !== undefined && { wait_s }) };
}

/** For what does not come from the API itself, but from something before it. */
function describeStatus(status: number, isJson: boolean): string {
  if (status === 429) return 'There are too many questions at the moment (status 429).';
  if (status >= 500) return `The server failed (status ${status}) and did not say why. Ask again in a while.`;
  return isJson
    ? `The server answered with status ${status} and did not say why.`
    : `The server answered with status ${status} and something that is not JSON. Is this address really the API?`;
}

/** Seconds, or a date (RFC 9110, 10.2.3). @returns whole seconds from now */
export function parseRetryAfter(header: string | null, now_ms: number): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - now_ms) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}
