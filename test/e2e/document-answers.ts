/**
 * Requests the answers in documents from a running worker. The answer of a curl line is the JSON block after it. A table row
 * with a `[MASK]` in its first cell has the first five candidates in its second.
 */
import { join } from 'node:path';

import { format, resolveConfig } from 'prettier';

import type { Prediction } from '../../src/schemas/fill-mask.ts';
import { postJson } from '../post-json.ts';

export const DOCUMENTS = ['README.md', 'docs/api.md'].map((name) => join(import.meta.dirname, '../..', name));

const REQUEST = /```sh\ncurl http:\/\/localhost:8787(\/\S*) [^`]*-d '([^']+)'\n```\n\n```json\n([^`]*)\n```/g;
const ROW = /^\| ([^|]*\[MASK\][^|]*) \|(.*)\|$/gm;

/**
 * @param document a path, for the format
 * @returns the text with its answers replaced by those of the worker
 */
export async function refreshAnswers(document: string, text: string, base: URL): Promise<string> {
  async function ask(path: string, body: string): Promise<unknown> {
    const response = await postJson(new URL(path, base), body);
    if (!response.ok) throw new Error(`${path} answers ${response.status} to ${body}`);
    return response.json();
  }
  const parts: string[] = [];
  let end = 0;
  const replace = (from: number, to: number, answer: string) => {
    parts.push(text.slice(end, from), answer);
    end = to;
  };
  const found = [...text.matchAll(REQUEST), ...text.matchAll(ROW)].toSorted((a, b) => a.index - b.index);
  for (const match of found) {
    const [whole, first = '', second = '', json] = match;
    const close = match.index + whole.length;
    if (json !== undefined) {
      const answer = JSON.stringify(await ask(first, second), null, 2);
      replace(close - json.length - '\n```'.length, close - '\n```'.length, answer);
    } else {
      const candidates = (await ask('/fill-mask', JSON.stringify({ inputs: first }))) as Prediction[];
      replace(close - second.length - 1, close, ` ${candidates.map(shown).join(', ')} |`);
    }
  }
  const options = await resolveConfig(document);
  return format(parts.join('') + text.slice(end), { ...options, parser: 'markdown' });
}

function shown({ token_str, score }: Prediction): string {
  const word = /^\w+$/.test(token_str) ? token_str : `\`${token_str}\``;
  return `${word} ${(100 * score).toFixed(1)}`;
}
