/**
 * The families, and the checkpoints of public reports if CASES names their folder, side by side with `transformers` in the Python that
 * PYTHON names. Without one, families.test.ts compares with what was recorded of it.
 */
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../models/build/build.ts';
import { compare, compareChoices, type Compared, type Comparison } from '../../../models/evaluation/compare.ts';
import probes from '../../../models/probes.json' with { type: 'json' };
import { ANSWERED, CASES_FOLDER } from '../../cases.ts';

const PYTHON = process.env['PYTHON'];
const FAMILIES = join(import.meta.dirname, '../../fixtures/families');
const families = readdirSync(FAMILIES);
/** One of so many probes: families.test.ts has records of all. */
const SHARE = 2;

describe('the choices at a mask', () => {
  const row = Float32Array.of(0, 5, 4.9995, 1, -1);
  it.each([
    [
      'the same',
      [
        [1, 5],
        [2, 4.9995],
      ],
      { first: 1, ours: 1, apart: 0 },
    ],
    // Each logit is nearly the same, and the order of the two is not.
    [
      'nearly a tie',
      [
        [2, 5],
        [1, 4.9996],
      ],
      { first: 2, ours: 1, apart: 5e-4 },
    ],
    [
      'apart',
      [
        [1, 5.1],
        [2, 4.9995],
      ],
      { first: 1, ours: 1, apart: 0.1 },
    ],
    // Our first choice is none of those of the reference, where it has 4 at most.
    [
      'another',
      [
        [2, 4.9995],
        [3, 1],
      ],
      { first: 2, ours: 1, apart: 4 },
    ],
    ['beyond the vocabulary', [[9, 5]], { first: 9, ours: 1, apart: NaN }],
  ] as const)('are %s', (_, choices, expected) => {
    const { first, ours, apart } = compareChoices(row, choices);
    expect({ first, ours }).toEqual({ first: expected.first, ours: expected.ours });
    expect(Number(apart.toFixed(4))).toBe(expected.apart);
  });
});

describe.skipIf(!PYTHON)('compare (skipped unless PYTHON names one with transformers and torch)', () => {
  let found: Map<string, Comparison>;
  beforeAll(async () => {
    const copies = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    const compared: (Compared & { name: string })[] = [];
    for (const name of families) {
      const model = join(copies, name);
      await cp(join(FAMILIES, name), model, { recursive: true });
      // Their stages are not those of their classes, which transformers 5 would take instead, as a warning says.
      const { tokenizer } = await readCheckpoint(model);
      const config = { tokenizer_class: 'PreTrainedTokenizerFast', mask_token: tokenizer.special_tokens.mask.token };
      await writeFile(join(model, 'tokenizer_config.json'), JSON.stringify(config));
      compared.push({ name, model, texts: probes.filter((_, i) => i % SHARE === 0) });
    }
    for (const [name, { text }] of ANSWERED) compared.push({ name, model: join(CASES_FOLDER, name), texts: [text] });
    const comparisons = await compare(compared, PYTHON ?? '');
    found = new Map(compared.map(({ name }, i) => [name, comparisons[i] as Comparison]));
    await rm(copies, { recursive: true });
  });

  it.each(families)('finds no difference for the family %s', (family) => {
    const { difference, texts = 0, masks = 0 } = found.get(family) ?? {};
    expect(difference).toBeUndefined();
    expect(Math.min(texts, masks)).toBeGreaterThan(100);
  });

  it.each(ANSWERED)('finds no difference for %s', (name) => {
    const { difference, masks } = found.get(name) ?? {};
    expect(difference).toBeUndefined();
    expect(masks).toBe(1);
  });
});
