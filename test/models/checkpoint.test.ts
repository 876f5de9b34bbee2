import { describe, expect, it } from 'vitest';

import { readAlbert } from '../../models/checkpoint/albert.ts';
import { readSafetensors } from '../../models/checkpoint/safetensors.ts';

function safetensors(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}

describe('safetensors', () => {
  it('gives F32 and F16 tensors by name', () => {
    const data = new Uint8Array(16);
    new Float32Array(data.buffer, 0, 2).set([1.5, -2]);
    // 1, the largest, the smallest normal and the smallest number of binary16 (IEEE 754, table 3.5)
    new Uint16Array(data.buffer, 8, 4).set([0x3c00, 0x7bff, 0x0400, 0x8001]);
    const tensors = readSafetensors(
      safetensors(
        {
          __metadata__: { format: 'pt' },
          a: { dtype: 'F32', shape: [2, 1], data_offsets: [0, 8] },
          b: { dtype: 'F16', shape: [4], data_offsets: [8, 16] },
        },
        data,
      ),
    );
    expect([...tensors.keys()]).toEqual(['a', 'b']);
    expect(tensors.get('a')).toEqual({ shape: [2, 1], data: Float32Array.of(1.5, -2) });
    expect(tensors.get('b')?.data).toEqual(Float32Array.of(1, 65504, 2 ** -14, -(2 ** -24)));
  });

  it.each([
    ['a file of nothing', new Uint8Array(3), /only 3 bytes/],
    ['a header longer than the file', Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123), /claims 255 bytes in a file of 9/],
    ['a header that is no JSON', safetensors('{'), /not JSON/],
    ['a header that is no object', safetensors('5'), /not an object/],
    [
      'an unknown type',
      safetensors({ a: { dtype: 'F4', shape: [1], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /a has the type F4/,
    ],
    [
      'offsets that do not fit the shape',
      safetensors({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /of a do not fit/,
    ],
    [
      'offsets beyond the file',
      safetensors({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Uint8Array(4)),
      /of a do not fit/,
    ],
    [
      'a negative size',
      safetensors({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /a has no valid shape/,
    ],
    [
      'infinity',
      safetensors({ a: { dtype: 'F16', shape: [1], data_offsets: [0, 2] } }, Uint8Array.of(0, 0x7c)),
      /a holds a number that is not finite/,
    ],
  ])('refuses %s', (_, file, sentence) => {
    expect(() => readSafetensors(file)).toThrow(sentence);
  });
});

describe('an ALBERT checkpoint', () => {
  const config = {
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
  const read = (changed: object) => () => readAlbert(JSON.stringify({ ...config, ...changed }), safetensors({}));

  it.each([
    [{ model_type: 'gpt2' }, /model_type is gpt2/],
    [{ hidden_act: 'relu' }, /hidden_act is relu/],
    [{ num_hidden_groups: 2 }, /num_hidden_groups is 2/],
    [{ hidden_size: '4' }, /hidden_size is 4, not a count/],
    [{ num_attention_heads: 3 }, /no multiple of num_attention_heads/],
    [{ layer_norm_eps: null }, /layer_norm_eps is not a number/],
    [{}, /no tensor albert\.embeddings\.word_embeddings\.weight/],
  ])('with %o is refused by name', (changed, sentence) => {
    expect(read(changed)).toThrow(sentence);
  });

  it('is refused when a tensor has another shape than its config says', () => {
    const file = safetensors(
      { 'albert.embeddings.word_embeddings.weight': { dtype: 'F32', shape: [8, 3], data_offsets: [0, 96] } },
      new Uint8Array(96),
    );
    expect(() => readAlbert(JSON.stringify(config), file)).toThrow(/shape \[8, 3\] where config\.json says \[8, 2\]/);
  });
});
