/**
 * The families, and the checkpoints of public reports if CASES names their folder, side by side with `transformers` in the Python that
 * PYTHON names. Without one, families.test.ts compares with what was recorded of it.
 */
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../models/build/build.ts';
import { compare } from '../../../models/evaluation/compare.ts';
import { ANSWERED, CASES_FOLDER } from '../../cases.ts';

const PYTHON = process.env['PYTHON'];
const FAMILIES = join(import.meta.dirname, '../../fixtures/families');
describe.skipIf(!PYTHON)('compare (skipped unless PYTHON names one with transformers and torch)', () => {
  let copies: string;
  beforeAll(async () => {
    copies = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  });
  afterAll(() => rm(copies, { recursive: true }));

  it.each(readdirSync(FAMILIES))('finds no difference for the family %s', async (family) => {
    const folder = join(copies, family);
    await cp(join(FAMILIES, family), folder, { recursive: true });
    // Their stages are not those of their classes, which transformers 5 would take instead, as a warning says.
    const { tokenizer } = await readCheckpoint(folder);
    const config = { tokenizer_class: 'PreTrainedTokenizerFast', mask_token: tokenizer.special_tokens.mask.token };
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    const { difference, texts, masks } = await compare(folder, PYTHON ?? '');
    expect(difference).toBeUndefined();
    expect(Math.min(texts, masks)).toBeGreaterThan(100);
  });

  it.each(ANSWERED)('finds no difference for %s', async (name, { text }) => {
    const { difference, masks } = await compare(join(CASES_FOLDER, name), PYTHON ?? '', [text]);
    expect(difference).toBeUndefined();
    expect(masks).toBe(1);
  });
});
