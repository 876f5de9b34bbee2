/** Variants of checkpoints: missing fields, tensors without a prefix, unused heads. */
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { EncoderWeights } from '../../../models/checkpoint/encoder.ts';
import { readTensors, readText } from '../../../models/checkpoint/files.ts';
import type { StoredTensor } from '../../../models/checkpoint/stored-tensor.ts';
import { readWeights } from '../../../models/checkpoint/weights.ts';

const FAMILIES = join(import.meta.dirname, '../../fixtures/families');

async function load(family: string) {
  const folder = join(FAMILIES, family);
  const config = JSON.parse(await readText(folder, 'config.json')) as Record<string, unknown>;
  const tensors = await readTensors(folder);
  const read = (changes: object = {}, changed: ReadonlyMap<string, StoredTensor> = tensors): EncoderWeights =>
    readWeights(JSON.stringify({ ...config, ...changes }), changed);
  return { config, tensors, read };
}
const renamed = (tensors: ReadonlyMap<string, StoredTensor>, rename: (name: string) => string) =>
  new Map(Array.from(tensors, ([name, tensor]) => [rename(name), tensor]));
const filled = (value: number, ...shape: number[]): StoredTensor => ({
  dtype: 'F32',
  shape,
  read: () => new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
});

const refuseReading = () => {
  throw new Error('nobody reads it');
};

describe('a configuration that is silent', () => {
  it.each([
    ['bert', { layer_norm_eps: 1e-12, hidden_act: 'gelu', type_vocab_size: 2 }],
    ['albert', { layer_norm_eps: 1e-12, hidden_act: 'gelu_new', type_vocab_size: 2, inner_group_num: 1 }],
    ['roberta', { layer_norm_eps: 1e-12, hidden_act: 'gelu', position_offset: 2 }],
    ['distilbert', { layer_norm_eps: 1e-12, hidden_act: 'gelu' }],
  ])('has the defaults of its class: %s', async (family, expected) => {
    const { read } = await load(family);
    const silent = { layer_norm_eps: undefined, hidden_act: undefined, activation: undefined, pad_token_id: undefined };
    const types = family === 'roberta' ? {} : { type_vocab_size: undefined };
    const config = { ...silent, ...types, num_hidden_groups: undefined, inner_group_num: undefined };
    expect(read(config).config).toMatchObject(expected);
  });

  it('may have gelu by another name', async () => {
    expect((await load('bert')).read({ hidden_act: 'gelu_python' }).config.hidden_act).toBe('gelu');
  });

  it('may have another activation in its layers than in its head, where that always has gelu', async () => {
    for (const family of ['roberta', 'electra']) {
      const { config } = (await load(family)).read({ hidden_act: 'relu' });
      expect(config, family).toMatchObject({ hidden_act: 'relu', head_act: 'gelu' });
    }
    expect((await load('bert')).read({ hidden_act: 'swish' }).config).toMatchObject({ hidden_act: 'silu' });
    expect((await load('bert')).read({ hidden_act: 'silu' }).config).not.toHaveProperty('head_act');
  });
});

describe('tensors', () => {
  it.each(['bert', 'albert', 'roberta', 'distilbert'])('may lack the prefix of their model: %s', async (family) => {
    const { tensors, read } = await load(family);
    const bare = renamed(tensors, (name) => name.replace(new RegExp(`^${family}\\.`), ''));
    expect(bare).not.toEqual(tensors);
    expect(read({}, bare)).toEqual(read());
  });

  it('that nobody reads may be of any type', async () => {
    const { tensors, read } = await load('bert');
    expect(read({}, new Map([...tensors, ['scale', { dtype: 'F8_E8M0', shape: [4], read: refuseReading }]]))).toEqual(
      read(),
    );
  });

  it('that are tied must be those that they are tied to', async () => {
    const { tensors, read, config } = await load('bert');
    const name = 'cls.predictions.decoder.weight';
    const words = tensors.get('bert.embeddings.word_embeddings.weight') as StoredTensor;
    expect(read({}, new Map([...tensors, [name, words]])).mlm.decoder).toBeUndefined();
    const other = new Map([...tensors, [name, filled(1, ...words.shape)]]);
    expect(() => read({}, other)).toThrow(
      `${name} is tied to bert.embeddings.word_embeddings.weight, but the file has`,
    );
    expect(read({ tie_word_embeddings: false }, other).mlm.decoder?.[0]).toBe(1);
    const bias = new Map([...tensors, ['cls.predictions.decoder.bias', filled(1, config['vocab_size'] as number)]]);
    expect(() => read({}, bias)).toThrow('cls.predictions.decoder.bias is tied to cls.predictions.bias');
  });
});

describe('a sentence head', () => {
  it('of three labels, or without a pooler, is left out, and that is said', async () => {
    const { tensors, read, config } = await load('bert');
    const H = config['hidden_size'] as number;
    const three = new Map([...tensors, ['cls.seq_relationship.weight', filled(0, 3, H)]]);
    const found = read({}, three);
    expect(found.sentence).toBeUndefined();
    expect(found.warnings).toEqual([
      expect.stringContaining('the sentence head is left out: cls.seq_relationship.weight'),
    ]);
    const headless = new Map(Array.from(tensors).filter(([name]) => !name.includes('pooler')));
    expect(read({}, headless).warnings).toEqual([expect.stringContaining('no tensor bert.pooler.dense.weight')]);
    expect(read().warnings).toEqual([]);
  });
});

describe('the name of another class', () => {
  it.each(['BertModel', 'BertLMHeadModel', 'TFBertForMaskedLM'])('%s is told what to change', async (name) => {
    const { tensors, read } = await load('bert');
    const message = `architectures is ${name}; the file has the head of a masked language model: set architectures to ["BertForMaskedLM"]`;
    expect(() => read({ architectures: [name] })).toThrow(message);
    const headless = new Map(Array.from(tensors).filter(([tensor]) => !tensor.startsWith('cls.')));
    expect(() => read({ architectures: [name] }, headless)).toThrow('the file has no head of a masked language model');
  });
});
