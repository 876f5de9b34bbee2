/**
 * Checkpoints that differ from the usual ones, over HTTP with both backends: a mask with a spelling of its own, and those of public bug
 * reports.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { addModel } from '../../models/commands/add.ts';
import { ANSWERED, CASES_FOLDER, REFUSED } from '../cases.ts';
import { postJson } from '../post-json.ts';
import { ENVIRONMENTS, withModel } from './with-model.ts';

const MODELS = join(import.meta.dirname, '../../models');
const BERT = join(import.meta.dirname, '../fixtures/families/bert');
/** Of a probability: int8 with random weights of few channels. */
const TOLERANCE = 0.1;

let state: string;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
});
afterAll(() => rm(state, { recursive: true }));

/** Adds the checkpoint of a folder, and removes the build afterwards. */
async function withBoth(
  folder: string,
  use: (ask: (path: string, inputs: string) => Promise<Response>) => Promise<void>,
) {
  // Random weights lose more of their first choices than trained ones may.
  const built = await addModel(folder, { force: true, backend: 'both' }, state);
  try {
    for (const env of ENVIRONMENTS) {
      await withModel(built, state, env, (url) => use((path, inputs) => postJson(new URL(path, url), { inputs })));
    }
  } finally {
    await rm(join(MODELS, '.build', built.manifest.id), { recursive: true, force: true });
  }
}

it('understands a mask that only this model spells so', { timeout: 120_000 }, async () => {
  const folder = join(state, `own-mask-${process.pid}`);
  await cp(BERT, folder, { recursive: true });
  const renamed = (await readFile(join(BERT, 'tokenizer.json'), 'utf8')).replaceAll('[MASK]', '<MASK>');
  await writeFile(join(folder, 'tokenizer.json'), renamed);
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ mask_token: '<MASK>' }));
  await withBoth(folder, async (ask) => {
    const [usual, own] = await Promise.all(
      ['The [MASK] is old.', 'The <MASK> is old.'].map(async (text) => (await ask('/fill-mask', text)).json()),
    );
    expect(usual).toHaveLength(5);
    expect(own).toEqual(usual);
    for (const [path, text, error_type] of [
      ['/fill-mask', 'The mask is old.', 'no_mask'],
      ['/fill-mask', 'The <MASK> is [MASK].', 'mixed_masks'],
      ['/score', 'The <MASK> is old.', 'has_mask'],
    ] as const) {
      const response = await ask(path, text);
      expect([response.status, await response.json()]).toMatchObject([422, { error_type }]);
    }
    const { tokens } = (await (await ask('/tokenize', 'a <MASK>')).json()) as { tokens: { token: number }[] };
    expect(tokens.map(({ token }) => token)).toEqual([2, expect.any(Number), 4, 3]);
  });
});

describe.skipIf(ANSWERED.length === 0)(
  'a checkpoint of a public report (skipped unless CASES names their folder)',
  () => {
    it.each(ANSWERED)('%s is answered as by transformers', async (name, { text, ids, first, probability = NaN }) => {
      await withBoth(join(CASES_FOLDER, name), async (ask) => {
        const { tokens } = (await (await ask('/tokenize', text)).json()) as { tokens: { token: number }[] };
        expect(tokens.map(({ token }) => token)).toEqual(ids);
        const [best] = (await (await ask('/fill-mask', text)).json()) as { token: number; score: number }[];
        expect(best?.token).toBe(first);
        expect(Math.abs((best?.score ?? NaN) - probability)).toBeLessThan(TOLERANCE);
      });
    });

    it.each(REFUSED)('%s is refused by name', async (name, { refuse }) => {
      await expect(addModel(join(CASES_FOLDER, name), { backend: 'both' }, state)).rejects.toThrow(refuse ?? '');
    });
  },
);
