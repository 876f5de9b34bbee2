/** The types of segments that a tokenizer gives, compared with the rows of the model and with what the reference feeds. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../models/build/build.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';

const FAMILIES = join(import.meta.dirname, '../../fixtures/families');

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
});
afterAll(() => rm(parent, { recursive: true }));

interface Changes {
  /** Types of the tokens [CLS], A and [SEP], or of all five of a pair. */
  readonly single?: readonly number[];
  readonly pair?: readonly number[];
  /** Instead of a template. */
  readonly processor?: object;
  readonly inputs?: readonly string[] | undefined;
  readonly tokenizer_class?: string;
}

/** A copy of a fixture with other types, read. */
async function read(family: string, { single, pair, processor, inputs, tokenizer_class }: Changes) {
  const folder = join(parent, family);
  await cp(join(FAMILIES, family), folder, { recursive: true });
  const json = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')) as object;
  const names = ['[CLS]', 'A', '[SEP]', 'B', '[SEP]'];
  const template = (types: readonly number[]) =>
    types.map((type_id, i) => {
      const id = names[i] ?? '';
      return id.length === 1 ? { Sequence: { id, type_id } } : { SpecialToken: { id, type_id } };
    });
  const post_processor = processor ?? {
    type: 'TemplateProcessing',
    single: template(single ?? [0, 0, 0]),
    pair: template(pair ?? [0, 0, 0, 1, 1]),
    special_tokens: { '[CLS]': { ids: [2] }, '[SEP]': { ids: [3] } },
  };
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...json, post_processor }));
  await writeFile(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({
      tokenizer_class: tokenizer_class ?? 'PreTrainedTokenizerFast',
      mask_token: '[MASK]',
      ...(inputs && { model_input_names: inputs }),
    }),
  );
  const { weights, tokenizer } = await readCheckpoint(folder);
  const encoder = createTokenizer(tokenizer.packed, tokenizer.special_tokens);
  return {
    weights,
    warnings: [...tokenizer.warnings, ...(weights.warnings ?? [])],
    ofText: [...encoder.encode({ text: 'the', masks: [] }).token_type_ids].join(''),
    ofPair: [...encoder.encodePair('the', 'of').token_type_ids].join(''),
  };
}
const FED = ['input_ids', 'token_type_ids', 'attention_mask'];
const NOT_FED = ['input_ids', 'attention_mask'];

describe('the types of segments', () => {
  it.each<[string, Changes]>([
    ['a template', { single: [1, 1, 1], pair: [1, 1, 1, 0, 1] }],
    ['a pair alone', {}],
    ['BertProcessing', { processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] } }],
    [
      'a sequence',
      {
        processor: {
          type: 'Sequence',
          processors: [{ type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] }],
        },
      },
    ],
  ])('of %s are zeros where model_input_names leaves token_type_ids out', async (_, changes) => {
    const { ofText, ofPair, warnings } = await read('bert', { ...changes, inputs: NOT_FED });
    expect([ofText, ofPair]).toMatchObject([/^0+$/, /^0+$/].map((zeros) => expect.stringMatching(zeros)));
    expect(ofPair.length).toBeGreaterThanOrEqual(5);
    expect(warnings).toEqual([]);
    const fed = await read('bert', { ...changes, inputs: FED });
    expect(fed.ofPair).toContain('1');
    expect(fed.ofPair).toHaveLength(ofPair.length);
    expect(fed.warnings).toEqual([]);
  });

  it('of a pair are fed where no file says it, and a warning says that versions differ', async () => {
    const unsaid = await read('bert', {});
    expect(unsaid.ofPair).toContain('1');
    expect(unsaid.warnings).toEqual([expect.stringMatching(/model_input_names .* does not say .* 5 feeds zeros/)]);
    // This class says it.
    expect((await read('bert', { tokenizer_class: 'BertTokenizer' })).warnings).toEqual([]);
    // Nobody asks a model without a sentence head about pairs.
    expect((await read('distilbert', {})).warnings).toEqual([]);
  });

  it('of a text are refused where no file says whether they are fed', async () => {
    await expect(read('bert', { single: [0, 1, 0] })).rejects.toThrow(
      /model_input_names of tokenizer_config\.json does not say whether the model gets the token types 0, 1, 0 of a text/,
    );
  });

  it.each<[string, string, Changes]>([
    ['the first token', 'bert', { single: [2, 0, 0], inputs: FED }],
    ['a text', 'bert', { single: [0, 7, 0], inputs: FED }],
    ['a model of one row', 'distilbert', { single: [0, 0, 1], inputs: FED }],
  ])('beyond the rows are refused by name: %s', async (_, family, changes) => {
    await expect(read(family, changes)).rejects.toThrow(
      /config\.json: type_vocab_size is \d, and post_processor of tokenizer\.json gives a text the token type [127]/,
    );
  });

  it('of a pair beyond the rows leave out the sentence head, and that is said', async () => {
    const { weights, warnings } = await read('bert', { pair: [0, 0, 0, 2, 2], inputs: FED });
    expect(weights.sentence).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(/the sentence head is left out: config\.json: type_vocab_size is 2, .* the token type 2/),
    ]);
    // Without types, it stays.
    expect((await read('bert', { pair: [0, 0, 0, 2, 2], inputs: NOT_FED })).weights.sentence).toBeDefined();
  });
});
