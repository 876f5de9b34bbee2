/** Asks a version of the worker at its own address before it serves anybody. Does I/O. */
import { setTimeout as pause } from 'node:timers/promises';

/** A new address answers only after a while, and the first question loads the model. */
const READY_WITHIN_MS = 60_000;
const MAX_MS = 30_000;

export interface SmokeTest {
  /** The address of the version. */
  readonly url: string;
  /** `<id>@<revision>`, if it is known which model it has to serve. */
  readonly model?: string;
  readonly fetch: typeof fetch;
  /** Between two attempts, until it is ready. */
  readonly pauseMs?: number;
  readonly readyWithinMs?: number;
}

/** @throws naming the question that was answered wrongly */
export async function smokeTest(test: SmokeTest): Promise<void> {
  const { url, pauseMs = 2_000, readyWithinMs = READY_WITHIN_MS } = test;
  const deadline = Date.now() + readyWithinMs;
  const ask = async (path: string, body?: unknown): Promise<{ status: number; answer: unknown; text: string }> => {
    const key = process.env['API_KEY'];
    const response = await test.fetch(new URL(path, url), {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'cache-control': 'no-store',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(key && { authorization: `Bearer ${key}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(MAX_MS),
    });
    const text = await response.text();
    return { status: response.status, answer: parse(text), text: text.slice(0, 300) };
  };

  let ready = await ask('/ready').catch(asAnswer);
  // A wrong setting stays wrong.
  while (ready.status !== 200 && errorType(ready.answer) !== 'misconfigured' && Date.now() < deadline) {
    await pause(pauseMs);
    ready = await ask('/ready').catch(asAnswer);
  }
  if (ready.status !== 200) throw new Error(`GET /ready answers ${ready.status}: ${ready.text}`);

  const info = await ask('/info');
  const { model, revision } = (info.answer ?? {}) as { model?: string; revision?: string };
  if (test.model && `${model}@${revision}` !== test.model) {
    throw new Error(`GET /info says ${model}@${revision} instead of ${test.model}`);
  }

  const predicted = await ask('/fill-mask', { inputs: 'Paris is the [MASK] of France.' });
  if (predicted.status === 401) {
    const problem = process.env['API_KEY'] ? 'does not accept the key in API_KEY' : 'asks for a key';
    throw new Error(`POST /fill-mask ${problem}: set the environment variable API_KEY to one of API_KEYS`);
  }
  const [first] = Array.isArray(predicted.answer) ? (predicted.answer as { score?: number; token_str?: string }[]) : [];
  if (predicted.status !== 200 || !first?.token_str || !(Number(first.score) > 0)) {
    throw new Error(`POST /fill-mask answers ${predicted.status} and no prediction: ${predicted.text}`);
  }

  const refused = await ask('/fill-mask', { inputs: 'A text without a mask.' });
  if (refused.status !== 422 || !errorType(refused.answer)) {
    throw new Error(`POST /fill-mask answers ${refused.status} to a text without a mask, not 422: ${refused.text}`);
  }
}

const errorType = (answer: unknown) => (answer as { error_type?: string } | null | undefined)?.error_type;

function asAnswer(error: unknown) {
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
