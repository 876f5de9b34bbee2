/**
 * Tokens in the form of test/fixtures/record/token_ids.py: "id@start-end" in code points, separated by spaces. Runs
 * Python, reads files.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { seeded } from '../../../models/evaluation/random.ts';
import { findMasks, spellMasks } from '../../../src/tokenizer/masks.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

const SCRIPT = join(import.meta.dirname, '../../fixtures/record/token_ids.py');

/** The tokens of a text by our tokenizer, which is given its own spelling of the mask. */
function writeTokens(tokenizer: Tokenizer, mask: string, text: string): string {
  const { text: spelled } = spellMasks(findMasks(text), mask);
  const { input_ids, offsets } = tokenizer.encode(findMasks(spelled));
  const { input_ids: alone } = tokenizer.encodeIds(findMasks(spelled));
  if (alone.join() !== input_ids.join()) return `without offsets: ${alone.join(' ')}`;
  // (code units + 1,) the number of code points before each code unit.
  const counts = [0];
  for (const [i, character] of Array.from(spelled).entries()) {
    for (let unit = 0; unit < character.length; unit++) counts.push(i + 1);
  }
  return Array.from(
    input_ids,
    (id, i) => `${id}@${counts[offsets[2 * i] ?? -1]}-${counts[offsets[2 * i + 1] ?? -1]}`,
  ).join(' ');
}

/** The tokens of texts by `tokenizers`. */
export async function tokensByPython(python: string, tokenizer: string, texts: readonly string[]): Promise<string[]> {
  const running = promisify(execFile)(
    python,
    [SCRIPT, tokenizer],
    { maxBuffer: 2 ** 30 }, // about 20 bytes for each token
  );
  running.child.stdin?.end(texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
  const { stdout } = await running;
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [ids, offsets] = JSON.parse(line) as [number[], [number, number][]];
      return ids.map((id, i) => `${id}@${offsets[i]?.join('-')}`).join(' ');
    });
}

/** The texts for which our tokens differ, with both results. */
export function differing(tokenizer: Tokenizer, mask: string, texts: readonly string[], expected: readonly string[]) {
  return texts
    .map((text, i) => ({ text, ours: writeTokens(tokenizer, mask, text), theirs: expected[i] }))
    .filter(({ ours, theirs }) => ours !== theirs);
}

/** Random texts, made of the characters of the given texts and of the short ones among these. */
export function mixTexts(texts: readonly string[], count: number): string[] {
  const random = seeded(1);
  const short = texts.filter((text) => text.length < 12);
  const characters = [...new Set(texts.flatMap((text) => Array.from(text)))];
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + random(12) }, () => {
      const from = random(3) === 0 ? short : characters;
      return from[random(from.length)];
    }).join(''),
  );
}

/** The first lines of every shard, about as many of each. */
export async function corpusLines(folder: string, count: number): Promise<string[]> {
  const corpus = [join(folder, 'corpus'), folder].find(existsSync) ?? folder;
  const shards = (await readdir(corpus)).filter((name) => name.endsWith('.txt.xz')).toSorted();
  const lines: string[] = [];
  for (const [i, shard] of shards.entries()) {
    const wanted = lines.length + Math.ceil((count - lines.length) / (shards.length - i));
    const unpacking = spawn('xz', ['-dc', join(corpus, shard)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(unpacking, 'close');
    for await (const line of createInterface({ input: unpacking.stdout })) {
      if (line !== '') lines.push(line);
      if (lines.length >= wanted) break;
    }
    unpacking.kill();
    await ended;
  }
  return lines;
}
