/** Asks again while a server is busy or out of reach. Does I/O. */
import { setTimeout as pause } from 'node:timers/promises';

/** Before each further attempt. */
export const PAUSES_MS: readonly number[] = [500, 2_000, 8_000, 30_000];
/** The Hub counts requests over five minutes: where a longer pause is asked for, waiting is the caller's decision. */
const LONGEST_PAUSE_MS = 300_000;

/**
 * @param pausesMs as many as there are further attempts
 * @param stallMs how long a server may take until it begins to answer
 * @param say is told why there is a pause
 * @returns `fetch`, which repeats what was answered with 429 or 5xx, or not at all. The last answer is given back as it is.
 */
export function fetchPatiently(
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
      say(`${failed ? answer.message : `${host} answers ${answer.status}`}: asking again in ${waitMs / 1000} s`);
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

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMs({ headers }: Response): number {
  const value = headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? 0 : ms;
}

/** `fetch` itself only says that it failed. */
function unreachable(host: string, error: unknown): Error {
  const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return new Error(`${host} cannot be reached (${code ?? message})`, { cause: error });
}
