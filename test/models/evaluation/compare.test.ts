/**
 * The families, and the checkpoints of public reports if CASES names their folder, side by side with `transformers` in the Python that
 * PYTHON names. Without one, families.test.ts compares with what was recorded of it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { compare } from '../../../models/evaluation/compare.ts';

const PYTHON = process.env['PYTHON'];
const FAMILIES = join(import.meta.dirname, '../../fixtures/families');
const CASES = process.env['CASES'] ?? '';
const FILE = join(CASES, 'expected.json');
const cases = existsSync(FILE)
  ? Object.entries(
      (JSON.parse(readFileSync(FILE, 'utf8')) as { cases: Record<string, { text: string; refuse: string | null }> })
        .cases,
    )
  : [];

describe.skipIf(!PYTHON)('compare (skipped unless PYTHON names one with transformers and torch)', () => {
  // Without a tokenizer_config.json, transformers lower-cases a cased BERT: it is read as it is here, with a warning.
  it.each(['albert', 'bert', 'roberta', 'distilbert', 'electra', 'camembert', 'xlm-roberta'])(
    'finds no difference for the family %s',
    async (family) => {
      const { difference, texts, masks } = await compare(join(FAMILIES, family), PYTHON ?? '');
      expect(difference).toBeUndefined();
      expect(Math.min(texts, masks)).toBeGreaterThan(100);
    },
  );

  it.each(cases.filter(([, { refuse }]) => !refuse))('finds no difference for %s', async (name, { text }) => {
    const { difference, masks } = await compare(join(CASES, name), PYTHON ?? '', [text]);
    expect(difference).toBeUndefined();
    expect(masks).toBe(1);
  });
});
