/** npm run ask -- "Paris is the [MASK] of France.": asks a worker and prints its answer as a table with bars. */
import type { Prediction } from '../../src/schemas/fill-mask.ts';
import { runScript } from './arguments.ts';
import { bar } from './bar.ts';
import { print } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run ask -- "<text with [MASK] in it>" [options]

  --top-k N        number of candidates for each mask (default 5)
  --targets A,B    only these words
  --joint          the most likely combinations for all masks together
  --url URL        the worker to ask (default: the local one of npm start)`;

/** Of the most likely candidate, in characters. */
const BAR_WIDTH = 30;

interface Asked {
  readonly text: string;
  readonly url: string;
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
  const url = values.url ?? `http://localhost:${process.env['PORT'] || 8787}`;
  if (!URL.canParse(url))
    throw new UsageError(`--url is an address such as https://fill-mask.example.com, not "${url}"`);
  return {
    text,
    url,
    parameters: {
      ...(top_k !== undefined && { top_k: Number(top_k) }),
      ...(values.targets !== undefined && { targets: values.targets.split(',').map((target) => target.trim()) }),
      ...(values.joint && { strategy: 'joint' }),
    },
  };
}

/**
 * @returns the candidates for each mask, or one list of combinations
 * @throws with the remedy, if there is no such answer
 */
async function ask({ text, url, parameters }: Asked): Promise<Prediction[][]> {
  let response;
  try {
    response = await fetch(new URL('/fill-mask', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: text, parameters }),
    });
  } catch (cause) {
    throw new Error(`Nothing answers at ${url}: start a worker with npm start, or name another with --url.`, { cause });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (Array.isArray(answer)) return (Array.isArray(answer[0]) ? answer : [answer]) as Prediction[][];
  const { error } = (answer ?? {}) as { error?: string };
  throw new Error(error ?? `${url} answered ${response.status} and no JSON: is it an edge-fill-mask worker?`);
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
