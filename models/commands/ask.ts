/** npm run ask -- "Paris is the [MASK] of France.": asks a worker and prints its answer as a table with bars. */
import type { Prediction } from '../../src/schemas/fill-mask.ts';
import { findGaps, spellGaps } from '../../src/page/gaps.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { runScript } from './arguments.ts';
import { bar } from './bar.ts';
import { print } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run ask -- "<text with [MASK] in it>" [options]

  --top-k N        number of candidates for each mask (default 5)
  --targets A,B    only these words
  --joint          the most likely combinations for all masks together
  --url URL        the worker to ask (default: the local one of npm start), one of its models (https://host/models/ID) or a path
                   below which it is served

A mask is written [MASK] or <mask>; ____, … and ... are masks too, as on the page, where the text has none of these two. Set
API_KEY to a key, where the worker asks for one: there is no option for it, since a shell keeps what is typed.`;

/** Of the most likely candidate, in characters. */
const BAR_WIDTH = 30;

interface Asked {
  readonly text: string;
  readonly url: URL;
  readonly parameters: { readonly top_k?: number; readonly targets?: string[]; readonly strategy?: 'joint' };
}

const OPTIONS = {
  'top-k': { type: 'string' },
  targets: { type: 'string' },
  joint: { type: 'boolean' },
  url: { type: 'string' },
} as const;

function readAsked(
  values: { 'top-k'?: string; targets?: string; joint?: boolean; url?: string },
  positionals: readonly string[],
): Asked {
  const [text, ...more] = positionals;
  if (!text) throw new UsageError('which text?');
  if (more.length > 0) throw new UsageError('there is more than one text: put it in quotes');
  const top_k = values['top-k'];
  if (top_k !== undefined && !/^\d+$/.test(top_k)) throw new UsageError(`--top-k is a number, not "${top_k}"`);
  return {
    text: spelled(text),
    url: parseUrl(values.url ?? `localhost:${process.env['PORT'] || 8787}`),
    parameters: {
      ...(top_k !== undefined && { top_k: Number(top_k) }),
      ...(values.targets !== undefined && { targets: values.targets.split(',').map((target) => target.trim()) }),
      ...(values.joint && { strategy: 'joint' }),
    },
  };
}

/** The page takes ____ for a mask. A text that has a mask, maybe in the model's own spelling, is sent as it is. */
function spelled(text: string): string {
  return findMasks(text).masks.length > 0 ? text : spellGaps(findGaps(text)).text;
}

/** The address of `/fill-mask` below an address, whose path is kept. This machine needs no scheme. */
function parseUrl(given: string): URL {
  const isHere = /^(localhost|127\.0\.0\.1|\[::1\])([:/]|$)/i.test(given);
  const address = isHere ? `http://${given}` : given;
  const url = URL.parse(address);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`--url is an address such as https://fill-mask.example.com, not "${given}"`);
  }
  if (url.username || url.password)
    throw new UsageError('--url has a name or a password in it: set API_KEY to a key instead');
  url.search = url.hash = '';
  url.pathname = `${url.pathname.replace(/(\/fill-mask)?\/*$/, '')}/fill-mask`;
  return url;
}

const isList = (value: unknown): value is unknown[] => Array.isArray(value);

/**
 * @returns the candidates for each mask, or one list of combinations
 * @throws with the remedy, if there is no such answer
 */
async function ask({ text, url, parameters }: Asked): Promise<Prediction[][]> {
  const key = process.env['API_KEY'];
  let response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ inputs: text, parameters }),
      // A redirect can turn a POST into a GET, and the key is meant for this address.
      redirect: 'manual',
    });
  } catch (cause) {
    const why =
      cause instanceof Error && cause.cause instanceof Error ? ` (${cause.cause.message || cause.cause.name})` : '';
    throw new Error(
      `Nothing answers at ${url.href}${why}: start a worker with npm start, or name another with --url.`,
      {
        cause,
      },
    );
  }
  const body = await response.text();
  const answer = parsed(body);
  if (response.ok && isList(answer)) return (isList(answer[0]) ? answer : [answer]) as Prediction[][];
  throw new Error(refusal(response, url, answer, key !== undefined && key !== ''));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** What to do about an answer that is no list of candidates. */
function refusal({ status, headers }: Response, { href }: URL, answer: unknown, hasKey: boolean): string {
  const { error } = (answer ?? {}) as { error?: unknown };
  const said = typeof error === 'string' ? error : undefined;
  if (status >= 300 && status < 400) {
    return `${href} redirects to ${headers.get('location') ?? 'nowhere'}: name the address itself with --url.`;
  }
  if (status === 401) {
    const todo = hasKey
      ? 'does not accept the key in API_KEY'
      : 'asks for a key: set the environment variable API_KEY to one';
    return `${href} ${todo}. ${said ?? ''}`.trim();
  }
  const after = headers.get('retry-after');
  const retry =
    after === null ? '' : /^\d+$/.test(after) ? ` Try again after ${after} s.` : ` Try again after ${after}.`;
  if (said !== undefined) return `${said}${retry}`;
  const type = headers.get('content-type')?.split(';')[0] ?? 'no type';
  return `${href} answered ${status} with ${type} instead of candidates: is it the address of an edge-fill-mask worker?${retry}`;
}

function tabulate({ text }: Asked, lists: readonly Prediction[][]): string {
  const tables = lists.map((candidates, m) => {
    const heading = lists.length > 1 ? [`mask ${m + 1} of ${lists.length}`] : [];
    return [...heading, ...rowsOf(candidates)].join('\n');
  });
  return [text, ...tables].join('\n\n');
}

function rowsOf(candidates: readonly Prediction[]): string[] {
  const names = candidates.map(({ token_str, token_strs }) =>
    (token_strs ?? [token_str]).map((one) => one.trim()).join(' … '),
  );
  const width = Math.max(...names.map((name) => name.length));
  const best = Math.max(...candidates.map(({ score }) => score));
  return candidates.map(({ score }, i) => {
    const percent = (100 * score).toPrecision(3);
    return `${String(i + 1).padStart(3)}  ${(names[i] ?? '').padEnd(width)}  ${bar(score / best, BAR_WIDTH)}  ${percent} %`;
  });
}

await runScript(USAGE, OPTIONS, async (values, texts) => {
  const asked = readAsked(values, texts);
  print(tabulate(asked, await ask(asked)));
});
