/** Retries requests while a server is busy or cannot be reached. Does I/O. */
import { setTimeout as pause } from 'node:timers/promises';

/** Before each further attempt. */
export const PAUSES_MS: readonly number[] = [500, 2_000, 8_000, 30_000];
/** The Hub counts requests over five minutes. If it asks for a longer pause, the caller decides. */
const LONGEST_PAUSE_MS = 300_000;

/**
 * @param pausesMs one for each further attempt
 * @param stallMs how long a server may take to begin its response
 * @param say gets the reason for a pause
 * @returns `fetch` that retries after 429, 5xx and failed connections, and returns the last response unchanged
 */
export function fetchWithRetries(
  pausesMs: readonly number[],
  stallMs: number,
  say: (line: string) => void,
): typeof fetch {
  return async (input, init) => {
    const { host } = new URL(input instanceof Request ? input.url : input);
    for (const pauseMs of pausesMs) {
      const answer = await fetchWithin(stallMs, input, init).catch((error: unknown) => unreachable(host, error));
      const failed = answer instanceof Error;
      if (!failed && answer.status !== 429 && answer.status < 500) return answer;
      const waitMs = Math.max(pauseMs, failed ? 0 : retryAfterMs(answer));
      if (!failed && waitMs > LONGEST_PAUSE_MS) return answer;
      if (!failed) await answer.body?.cancel();
      say(`${failed ? answer.message : `${host} answers ${answer.status}`}: retrying in ${waitMs / 1000} s`);
      await pause(waitMs);
    }
    return fetchWithin(stallMs, input, init).catch((error: unknown) => {
      throw unreachable(host, error);
    });
  };
}

async function fetchWithin(ms: number, ...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error(`no answer in ${ms / 1000} s`)), ms);
  try {
    return await fetch(input, { ...init, signal: stop.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** RFC 9110, section 10.2.3: seconds or a date. */
function retryAfterMs({ headers }: Response): number {
  const value = headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? 0 : ms;
}

/** `fetch` alone only reports that it failed. */
function unreachable(host: string, error: unknown): Error {
  const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return new Error(`${host} cannot be reached (${code ?? message})`, { cause: error });
}
