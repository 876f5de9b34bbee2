/** Random combinations of a tokenizer's files, read as `transformers` reads them or refused. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { askReference, type Reference as Answer } from '../../../models/evaluation/reference.ts';
import { type FoundTokenizer, readTokenizer } from '../../../models/tokenizer/files.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { TEXTS, writeCombinations } from './combinations.ts';

const PYTHON = process.env['PYTHON'];
const COUNT = 500;

type Reference = Answer['answers'][number];
type ReferenceText = Extract<Reference, { texts: unknown }>['texts'][number];

const same = ({ packed, special_tokens }: FoundTokenizer, { text, ids, offsets }: ReferenceText): boolean => {
  const { input_ids, offsets: units } = createTokenizer(packed, special_tokens).encodePair(text, '');
  // The first text of a pair is read as it is alone; masks are tokens like any other there.
  const points = Array.from(units.subarray(0, 2 * ids.length), (unit) => Array.from(text.slice(0, unit)).length);
  return input_ids.subarray(0, ids.length).join() === ids.join() && points.join() === offsets.flat().join();
};

async function ask(folders: readonly string[]): Promise<readonly Reference[]> {
  const asked = folders.map((folder) => ({ folder, texts: TEXTS }));
  return (await askReference(PYTHON ?? '', asked, 'tokenizers')).answers;
}

/** Makes of a folder what its warnings ask for. */
async function heed(folder: string, warnings: readonly string[]): Promise<void> {
  const file = join(folder, 'tokenizer_config.json');
  const config = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Record<string, unknown>;
  for (const warning of warnings) {
    const [, flag, value] = /has (\w+) (\w+), and/.exec(warning) ?? [];
    if (flag && value) config[flag] = JSON.parse(value);
    else if (warning.includes('includes the space before it')) {
      const content = '<mask>';
      config['mask_token'] = { __type: 'AddedToken', content, lstrip: true, normalized: false, special: true };
    }
  }
  await writeFile(file, JSON.stringify(config));
  // It would win, and names the mask without its flags.
  await rm(join(folder, 'special_tokens_map.json'), { force: true });
}

it.skipIf(!PYTHON)(
  `${COUNT} combinations give the ids and offsets of transformers (skipped unless PYTHON names one with transformers)`,
  { timeout: 900_000 },
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    const folders = await writeCombinations(root, COUNT, Number(process.env['SEED'] ?? 1));
    const counts = { same: 0, refused: 0, warned: 0 };
    const different: string[] = [];
    const warned: string[] = [];
    const refusals: string[] = [];
    const compare = (folder: string, found: FoundTokenizer, reference: Reference | undefined) => {
      if (!reference || 'error' in reference) different.push(`${folder}: ${reference?.error}`);
      else if (reference.texts.every((one) => same(found, one))) counts.same++;
      else if (found.warnings.length > 0 && !warned.includes(folder)) warned.push(folder);
      else different.push(folder);
    };
    const read = async (folder: string) =>
      readTokenizer(folder).catch((error: Error) => {
        counts.refused++;
        refusals.push(error.message);
      });
    const answers = await ask(folders);
    for (const [i, folder] of folders.entries()) {
      const found = await read(folder);
      if (found) compare(folder, found, answers[i]);
    }
    // There the reference is said to differ, and to agree once the file says it.
    counts.warned = warned.length;
    for (const folder of warned) await heed(folder, (await readTokenizer(folder)).warnings);
    const others = await ask(warned);
    for (const [i, folder] of warned.entries()) {
      const found = await read(folder);
      if (found) compare(folder, found, others[i]);
    }
    console.log(counts);
    expect(refusals.filter((message) => !/\.json|\.txt|vocabulary/.test(message))).toEqual([]);
    expect(different).toEqual([]);
    expect(counts.same + counts.refused).toBe(COUNT);
    expect(counts.same).toBeGreaterThan(COUNT / 2);
    await rm(root, { recursive: true });
  },
);
