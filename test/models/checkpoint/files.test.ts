/** The files of a checkpoint: what is there, what is wrong with it, and names that must not lead out of the folder. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readConfig } from '../../../models/checkpoint/config.ts';
import { readBytes, readIndex, readJson, readTensors, readText } from '../../../models/checkpoint/files.ts';
import { isPickle } from '../../../models/checkpoint/pickle.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
});
afterEach(async () => rm(folder, { recursive: true }));
const write = async (files: Readonly<Record<string, string | Uint8Array>>) => {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
};

/** A file of safetensors with one number for each name. */
function tensors(...names: string[]): Uint8Array {
  const header = JSON.stringify(
    Object.fromEntries(names.map((name, i) => [name, { dtype: 'F32', shape: [1], data_offsets: [4 * i, 4 * i + 4] }])),
  );
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return Buffer.concat([length, Buffer.from(header), new Uint8Array(4 * names.length)]);
}

describe('a text file', () => {
  it('keeps its byte-order mark as a text, and not as JSON', async () => {
    await write({ 'a.json': '\ufeff{"a": 1}' });
    expect(await readText(folder, 'a.json')).toBe('\ufeff{"a": 1}');
    expect(await readJson(folder, 'a.json')).toEqual({ a: 1 });
  });

  it.each<[string, string | Uint8Array, string]>([
    ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff), 'is not UTF-8'],
    ['half of an object', '{', 'is not JSON'],
    ['a list', '[]', 'is not a JSON object'],
    ['null', 'null', 'is not a JSON object'],
    ['a number', '5', 'is not a JSON object'],
  ])('of %s is refused with its path', async (_, content, problem) => {
    await write({ 'a.json': content });
    await expect(readJson(folder, 'a.json')).rejects.toThrow(`${join(folder, 'a.json')} ${problem}`);
  });

  it('that is missing, or is a folder, or is in no folder, is named', async () => {
    await mkdir(join(folder, 'a'));
    await write({ file: '' });
    await expect(readBytes(folder, 'b')).rejects.toThrow(`${folder} has no b`);
    await expect(readBytes(folder, 'a')).rejects.toThrow(`${join(folder, 'a')} is a folder where a file should be`);
    await expect(readBytes(join(folder, 'file'), 'a')).rejects.toThrow('is a file where the folder of a checkpoint');
    await expect(readBytes(folder, 'a'.repeat(300))).rejects.toThrow('cannot be read');
  });
});

describe('the tensors', () => {
  it('are those of one file, or of the shards that the index names', async () => {
    await write({
      'model.safetensors.index.json':
        '{"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}}',
      '1.safetensors': tensors('a', 'c', 'unnamed'),
      '2.safetensors': tensors('b'),
    });
    expect([...(await readTensors(folder)).keys()]).toEqual(['a', 'b', 'c']);
    await write({ 'model.safetensors': tensors('whole') });
    expect([...(await readTensors(folder)).keys()]).toEqual(['whole']);
  });

  it('are missed by name', async () => {
    const neither = `${folder} has neither model.safetensors nor model.safetensors.index.json`;
    await expect(readTensors(folder)).rejects.toThrow(new RegExp(`^${neither}$`));
    await expect(readTensors(join(folder, 'nosuch'))).rejects.toThrow(/nosuch has neither .*json$/);
    await write({ 'pytorch_model.bin': '' });
    await expect(readTensors(folder)).rejects.toThrow(`${neither}, only pickled weights (.bin). Convert them`);
    await expect(readTensors(folder)).rejects.toThrow(`from_pretrained('${folder}')`);
    await write({ 'model.safetensors.index.json': '{"weight_map": {"a": "1.safetensors"}}' });
    await expect(readTensors(folder)).rejects.toThrow(`${folder} has no 1.safetensors`);
    await write({ '1.safetensors': tensors('b') });
    await expect(readTensors(folder)).rejects.toThrow(
      '1.safetensors has no tensor a, and model.safetensors.index.json says that it does',
    );
  });

  it('are converted by a command without a name that a shell would take apart', async () => {
    const odd = join(folder, "a'; b");
    await mkdir(odd);
    await writeFile(join(odd, 'pytorch_model-00001-of-00002.bin'), '');
    await expect(readTensors(odd)).rejects.toThrow(`from_pretrained('<folder>')`);
    expect(['pytorch_model.bin', 'training_args.bin', 'pytorch_model.bin.json'].map(isPickle)).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('the index of the shards', () => {
  it.each(['../../x.safetensors', '/x.safetensors', 'part/x.safetensors', 'x.bin', '.safetensors.', '', 5, null])(
    'may not name %j',
    (file) => {
      expect(() => readIndex(JSON.stringify({ weight_map: { a: file } }), 'index')).toThrow(
        `index: weight_map has "${file}" for a, which is not a file name`,
      );
    },
  );

  it.each([
    ['{', 'index is not JSON'],
    ['{}', 'index has no weight_map'],
    ['{"weight_map": null}', 'index has no weight_map'],
    ['{"weight_map": 5}', 'index has no weight_map'],
  ])('may not be %s', (json, problem) => {
    expect(() => readIndex(json, 'index')).toThrow(problem);
  });
});

describe('the configuration', () => {
  const albert = {
    model_type: 'albert',
    vocab_size: 8,
    embedding_size: 2,
    hidden_size: 4,
    num_hidden_layers: 4,
    num_attention_heads: 2,
    intermediate_size: 8,
  };
  const read = (changes: object) => readConfig(JSON.stringify({ ...albert, ...changes }));

  it('counts the layers of groups, and those that they store', () => {
    const grouped = { num_hidden_groups: 2, inner_group_num: 3 };
    expect(read(grouped)).toMatchObject({ num_hidden_layers: 12, layers_stored: 6, inner_group_num: 3 });
    expect(read({})).toMatchObject({ num_hidden_layers: 4, layers_stored: 1, inner_group_num: 1 });
    expect(read({ num_hidden_groups: 4 }).layers_stored).toBe(4);
    expect(read({ model_type: 'bert', num_hidden_groups: 2 }).layers_stored).toBe(4);
  });

  it('counts positions after the padding token of a RoBERTa', () => {
    const roberta = { model_type: 'roberta', max_position_embeddings: 16 };
    expect(read({ ...roberta, pad_token_id: 0 })).toMatchObject({ position_offset: 1, max_position_embeddings: 15 });
    expect(read({ ...roberta, pad_token_id: 14 }).max_position_embeddings).toBe(1);
    expect(read({ pad_token_id: 5, max_position_embeddings: 16 }).max_position_embeddings).toBe(16);
  });

  it('ties the decoder unless it says otherwise', () => {
    expect([{}, { tie_word_embeddings: true }, { tie_word_embeddings: false }].map(read)).toMatchObject([
      { tie_word_embeddings: true },
      { tie_word_embeddings: true },
      { tie_word_embeddings: false },
    ]);
  });

  it('may name several classes, one of which is supported', () => {
    expect(read({ architectures: ['Other', 'AlbertForMaskedLM'] }).family).toBe('albert');
    expect(read({ architectures: [] }).family).toBe('albert');
  });

  it.each([
    [{ num_attention_heads: 0 }, 'num_attention_heads is 0, not a count'],
    [{ vocab_size: 1.5 }, 'vocab_size is 1.5, not a count'],
    [{ model_type: 'roberta', pad_token_id: -1 }, 'pad_token_id is -1, not a count'],
    [{ model_type: 'electra', hidden_act: 'gelu_new' }, 'the head of a electra always has gelu'],
    [{ architectures: ['A', 'B'] }, 'architectures is A, B; the file has no head'],
  ])('with %j is refused', (changes, problem) => {
    expect(() => read(changes)).toThrow(problem);
  });
});
