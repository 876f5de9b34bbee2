/** The CPU time of encoding sentences, beside another version's in interleaved rounds. Reads files and imports the other version. */
import { basename, join, resolve } from 'node:path';

import probes from '../../models/probes.json' with { type: 'json' };
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { ratioOf, table } from './statistics.ts';

const TOKENS = [16, 32, 64];
const TEXTS = 16;
const ROUNDS = 40;
/** Of one version in a round. */
const ROUND_TOKENS = 10_000;

interface Version {
  readonly tokenizer: Pick<Tokenizer, 'encode' | 'encodeIds'>;
  readonly read: (text: string) => Parameters<Tokenizer['encode']>[0];
}

async function load(checkout: string, folder: string): Promise<Version> {
  const from = async <T>(path: string) => (await import(join(checkout, path))) as T;
  const { readTokenizer } = await from<typeof import('../../models/tokenizer/files.ts')>('models/tokenizer/files.ts');
  const { createTokenizer } = await from<typeof import('../../src/tokenizer/create-tokenizer.ts')>(
    'src/tokenizer/create-tokenizer.ts',
  );
  const { findMasks } = await from<typeof import('../../src/tokenizer/masks.ts')>('src/tokenizer/masks.ts');
  const { packed, special_tokens } = await readTokenizer(folder);
  const { token } = special_tokens.mask;
  return {
    tokenizer: createTokenizer(packed, special_tokens),
    read: (text) => findMasks(text.replaceAll('[MASK]', token), token),
  };
}

/** @returns texts of sentences, each with this many tokens or a few more */
function textsOf(tokens: number, { tokenizer, read }: Version): string[] {
  const texts: string[] = [];
  for (let at = 0; texts.length < TEXTS;) {
    let text = '';
    while (tokenizer.encode(read(text)).input_ids.length < tokens) text += ` ${probes[at++ % probes.length]}`;
    texts.push(text.trim());
  }
  return texts;
}

/** @returns a table: the least time of a text, and the median of the ratios of the rounds to the other version's `encode` */
export async function sentenceTimes(base: string, folders: readonly string[]): Promise<string> {
  const rows: string[][] = [];
  for (const folder of folders.map((one) => resolve(one))) {
    const before = await load(base, folder);
    const now = await load(resolve(import.meta.dirname, '../..'), folder);
    for (const tokens of TOKENS) {
      const texts = textsOf(tokens, now);
      const read = texts.map((text) => now.read(text));
      const readBefore = texts.map((text) => before.read(text));
      const ways = [
        () => void readBefore.map((text) => before.tokenizer.encode(text)),
        () => void read.map((text) => now.tokenizer.encode(text)),
        () => void read.map((text) => now.tokenizer.encodeIds(text)),
      ];
      const times = ways.map((): number[] => []);
      const runs = Math.ceil(ROUND_TOKENS / tokens / TEXTS);
      for (let round = 0; round < ROUNDS; round++) {
        for (const [way, encode] of ways.entries()) {
          const begun = process.cpuUsage();
          for (let run = 0; run < runs; run++) encode();
          const { user, system } = process.cpuUsage(begun);
          times[way]?.push((user + system) / runs / TEXTS);
        }
      }
      const least = times.map((all) => Math.min(...all).toFixed(1));
      const ratio = (way: number) => ratioOf(times[way] ?? [], times[0] ?? []).median.toFixed(2);
      rows.push([basename(folder), String(tokens), ...least, ratio(1), ratio(2)]);
    }
  }
  const head = ['tokenizer', 'tokens', 'encode before, µs', 'encode', 'encodeIds', 'encode, ratio', 'encodeIds, ratio'];
  return table(head, rows);
}
