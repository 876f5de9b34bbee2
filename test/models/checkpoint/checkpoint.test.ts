import { describe, expect, it } from 'vitest';

import { readSafetensors } from '../../../models/checkpoint/safetensors.ts';
import { readWeights } from '../../../models/checkpoint/weights.ts';
import { source } from './torch-file.ts';

function safetensors(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}

describe('safetensors', () => {
  it('gives F32, F16 and BF16 tensors by name', () => {
    const data = new Uint8Array(27);
    new Float32Array(data.buffer, 0, 2).set([1.5, -2]);
    // 1, the largest, the smallest normal and the smallest number of binary16 (IEEE 754, table 3.5)
    new Uint16Array(data.buffer, 8, 4).set([0x3c00, 0x7bff, 0x0400, 0x8001]);
    // 1, −2 and the smallest normal number of bfloat16, at an odd place
    data.set([0x80, 0x3f, 0x00, 0xc0, 0x80, 0x00], 17);
    const header = {
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2, 1], data_offsets: [0, 8] },
      b: { dtype: 'F16', shape: [4], data_offsets: [8, 16] },
      c: { dtype: 'BF16', shape: [3], data_offsets: [17, 23] },
      ids: { dtype: 'I32', shape: [1], data_offsets: [23, 27] },
    };
    const tensors = readSafetensors(source(safetensors(header, data)));
    expect([...tensors.keys()]).toEqual(['a', 'b', 'c', 'ids']);
    expect(tensors.get('a')).toMatchObject({ dtype: 'F32', shape: [2, 1] });
    expect(tensors.get('a')?.read()).toEqual(Float32Array.of(1.5, -2));
    expect(tensors.get('b')?.read()).toEqual(Float32Array.of(1, 65504, 2 ** -14, -(2 ** -24)));
    expect(tensors.get('c')?.read()).toEqual(Float32Array.of(1, -2, 2 ** -126));
    // Published checkpoints have such tensors, which are never read.
    expect(() => tensors.get('ids')?.read()).toThrow(/ids has the type I32; F32, F16, BF16, F64 can be read/);
  });

  it.each([
    ['a file of nothing', new Uint8Array(3), /only 3 bytes/],
    ['a header longer than the file', Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123), /claims 255 bytes in a file of 9/],
    [
      'a header of 100 MB',
      Uint8Array.of(0, 0xe1, 0xf5, 5, 0, 0, 0, 0, 123),
      /claims 100000000 bytes, more than 16777216/,
    ],
    ['a header that is not JSON', safetensors('{'), /not JSON/],
    ['a header that is not an object', safetensors('5'), /not an object/],
    [
      'offsets that do not fit the shape',
      safetensors({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /of a, 0 to 4, do not fit its shape \[2\] of F32/,
    ],
    [
      'offsets beyond the file',
      safetensors({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Uint8Array(4)),
      /of a end at 8, and the file has 4 bytes of data/,
    ],
    [
      'offsets that run backwards',
      safetensors({ a: { dtype: 'F32', shape: [0], data_offsets: [4, 0] } }, new Uint8Array(4)),
      /of a, 4 to 0, do not fit/,
    ],
    [
      'tensors that overlap',
      safetensors(
        {
          a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
          b: { dtype: 'F16', shape: [2], data_offsets: [6, 10] },
        },
        new Uint8Array(10),
      ),
      /a and b overlap/,
    ],
    ['an entry that is none', safetensors({ a: null }), /a has the type undefined/],
    [
      'a negative size',
      safetensors({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /a has no valid shape/,
    ],
  ])('refuses %s', (_, file, sentence) => {
    expect(() => readSafetensors(source(file))).toThrow(sentence);
  });

  it('skips a type that it does not know, until it is read', () => {
    const header = { a: { dtype: 'F4', shape: [1], data_offsets: [0, 4] } };
    const tensor = readSafetensors(source(safetensors(header, new Uint8Array(4)))).get('a');
    expect(() => tensor?.read()).toThrow('a has the type F4; F32, F16, BF16, F64 can be read');
  });

  it.each([
    ['F16', [0, 0x7c]],
    ['BF16', [0xc0, 0x7f]],
    ['F32', [0, 0, 0xc0, 0x7f]],
  ])('refuses a %s that is not finite, when it is read', (dtype, bytes) => {
    const header = { a: { dtype, shape: [1], data_offsets: [0, bytes.length] } };
    const tensor = readSafetensors(source(safetensors(header, Uint8Array.from(bytes)), 'shard.safetensors')).get('a');
    expect(() => tensor?.read()).toThrow(/^shard\.safetensors: a holds a number that is not finite$/);
  });
});

describe('a checkpoint', () => {
  const albert = {
    model_type: 'albert',
    hidden_act: 'gelu_new',
    vocab_size: 8,
    embedding_size: 2,
    hidden_size: 4,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 8,
    max_position_embeddings: 16,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
  };
  const roberta = { ...albert, model_type: 'roberta', hidden_act: 'gelu', pad_token_id: 1 };
  const distilbert = { model_type: 'distilbert', activation: 'gelu', vocab_size: 8, dim: 4, n_layers: 2, n_heads: 2 };
  it.each([
    [{ ...albert, model_type: 'gpt2' }, /model_type is gpt2; supported are AlbertForMaskedLM, /],
    [{ ...albert, model_type: 'mpnet' }, /model_type is mpnet: it has relative positions; supported are/],
    [{ ...albert, model_type: 'mobilebert' }, /model_type is mobilebert: its layers have bottlenecks; supported are/],
    [{ ...albert, architectures: ['AlbertModel'] }, /is AlbertModel; the file has no head of a masked language model/],
    [{ ...albert, architectures: ['BertForMaskedLM'] }, /model_type is albert, and architectures says BertForMaskedLM/],
    [
      { ...albert, hidden_act: 'mish' },
      /hidden_act is mish; supported are gelu, gelu_python, gelu_new, gelu_pytorch_tanh, relu, silu, swish/,
    ],
    [{ ...albert, num_hidden_groups: 3 }, /num_hidden_groups is 3, more than num_hidden_layers/],
    [{ ...albert, inner_group_num: 0 }, /inner_group_num is 0, not a count/],
    [{ ...albert, hidden_size: '4' }, /hidden_size is 4, not a count/],
    [{ ...albert, hidden_act: 'toString' }, /hidden_act is toString; supported are/],
    [{ ...albert, num_attention_heads: 3 }, /hidden_size, 4, is not a multiple of num_attention_heads, 3/],
    [
      { ...albert, hidden_size: 260 },
      /hidden_size is 260 and num_attention_heads is 2: a head has 130 channels, and the engine holds 128/,
    ],
    [{ ...distilbert, hidden_dim: 8, dim: 402 }, /dim is 402 and n_heads is 2: a head has 201 channels/],
    [{ ...albert, layer_norm_eps: null }, /layer_norm_eps is not a number/],
    [{ ...albert, position_embedding_type: 'relative_key' }, /position_embedding_type is "relative_key"/],
    [{ ...albert, is_decoder: true }, /is_decoder is true/],
    [{ ...albert, is_decoder: 'no' }, /is_decoder is "no", which is no truth value/],
    [{ ...albert, add_cross_attention: true }, /add_cross_attention is true; only encoders/],
    [albert, /no tensor albert\.embeddings\.word_embeddings\.weight/],
    [{ ...roberta, pad_token_id: 15 }, /leaves no position after 16/],
    [roberta, /no tensor roberta\.embeddings\.word_embeddings\.weight/],
    [distilbert, /hidden_dim is undefined, not a count/],
    [{ ...distilbert, activation: 'mish' }, /activation is mish/],
  ])('with %o is refused by name', (config, sentence) => {
    expect(() => readWeights(JSON.stringify(config), new Map())).toThrow(sentence);
  });

  it('is refused if its config is not JSON', () => {
    expect(() => readWeights('{', new Map())).toThrow('config.json is not JSON');
  });

  it('is refused when a tensor has another shape than its config says', () => {
    const file = safetensors(
      { 'albert.embeddings.word_embeddings.weight': { dtype: 'F32', shape: [8, 3], data_offsets: [0, 96] } },
      new Uint8Array(96),
    );
    expect(() => readWeights(JSON.stringify(albert), readSafetensors(source(file)))).toThrow(
      /shape \[8, 3\] where config\.json says \[8, 2\]/,
    );
  });
});
