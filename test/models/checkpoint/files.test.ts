/** The files of a checkpoint: what is there, what is wrong with it, and names that must not lead out of the folder. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readConfig } from '../../../models/checkpoint/config.ts';
import { readBytes, readIndex, readJson, readTensors, readText } from '../../../models/checkpoint/files.ts';
import { archive, dict, floats, pickle, tensor } from './torch-file.ts';

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

/** The same as a pickle. */
const pickled = (...names: string[]): Uint8Array =>
  archive(pickle(...dict(Object.fromEntries(names.map((name) => [name, tensor({ count: 1, shape: [1] })])))), {
    0: floats(0),
  });

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

  it('may have the numbers of Python that JSON does not have, as names', async () => {
    const given = '{"a": [NaN, -Infinity, Infinity], "b": "NaN, \\"Infinity", "c": 1}';
    await write({ 'a.json': given, 'b.json': '{"a": NaNa}', 'c.json': '{"a": -NaN}' });
    expect(await readJson(folder, 'a.json')).toEqual({
      a: ['NaN', '-Infinity', 'Infinity'],
      b: 'NaN, "Infinity',
      c: 1,
    });
    await expect(readJson(folder, 'a.json', JSON.parse)).rejects.toThrow('a.json is not JSON');
    for (const name of ['b.json', 'c.json'])
      await expect(readJson(folder, name)).rejects.toThrow(`${name} is not JSON`);
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

  it('are those of pickles where no safetensors are, whole or in shards', async () => {
    await write({
      'pytorch_model.bin.index.json': '{"metadata": {"total_size": NaN}, "weight_map": {"a": "1.bin", "b": "2.bin"}}',
      '1.bin': pickled('a'),
      '2.bin': pickled('b', 'unnamed'),
    });
    expect([...(await readTensors(folder)).keys()]).toEqual(['a', 'b']);
    await write({ 'pytorch_model.bin': pickled('whole', 'b') });
    expect([...(await readTensors(folder)).keys()]).toEqual(['whole', 'b']);
    await write({ 'model.safetensors': tensors('safe') });
    expect([...(await readTensors(folder)).keys()]).toEqual(['safe']);
  });

  it('are missed by name', async () => {
    const none =
      'weights: none of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json';
    await expect(readTensors(folder)).rejects.toThrow(`${folder} has no config.json and no ${none}`);
    await expect(readTensors(join(folder, 'nosuch'))).rejects.toThrow('nosuch has no config.json and no weights');
    await write({ 'config.json': '{}', 'training_args.bin': '', 'optimizer.pt': '' });
    await expect(readTensors(folder)).rejects.toThrow(new RegExp(`^${folder} has no ${none}$`));
    await write({ 'pytorch_model.bin.index.json': '{"weight_map": {"a": "1.bin"}}' });
    await expect(readTensors(folder)).rejects.toThrow(`${folder} has no 1.bin`);
    await write({ 'model.safetensors.index.json': '{"weight_map": {"a": "1.safetensors"}}' });
    await expect(readTensors(folder)).rejects.toThrow(`${folder} has no 1.safetensors`);
    await write({ '1.safetensors': tensors('b') });
    await expect(readTensors(folder)).rejects.toThrow(
      '1.safetensors has no tensor a, and model.safetensors.index.json says that it does',
    );
  });

  it.each([
    ['bert-q8_0.gguf', 'GGUF'],
    ['onnx', 'ONNX'],
    ['model_quantized.onnx', 'ONNX'],
    ['tf_model.h5', 'TensorFlow'],
    ['bert_model.ckpt.index', 'TensorFlow'],
    ['flax_model.msgpack', 'Flax'],
    ['rust_model.ot', 'Rust'],
    ['openvino_model.xml', 'OpenVINO'],
    ['model.pt', 'PyTorch, under another name than pytorch_model.bin'],
    ['adapter_model.safetensors', 'an adapter'],
  ])('in another form are refused by its name: %s', async (name, form) => {
    await write({ [name]: '' });
    await expect(readTensors(folder)).rejects.toThrow(`It has ${name} (${form}), which cannot be read`);
    await write({ 'model.safetensors': tensors('a') });
    expect((await readTensors(folder)).size).toBe(1);
  });
});

describe('an adapter', () => {
  const config = JSON.stringify({ peft_type: 'LORA', base_model_name_or_path: 'some/base' });

  it.each([
    ['alone', {}, "s.load_file('<base>/model.safetensors')"],
    ['beside a whole model', { 'model.safetensors': tensors('a') }, "s.load_file('<base>/model.safetensors')"],
    ['beside a pickle', { 'pytorch_model.bin': '' }, "torch.load('<base>/pytorch_model.bin', weights_only=True)"],
  ])('%s is refused with the lines that merge it', async (_, files, load) => {
    await write({ 'adapter_config.json': config, 'adapter_model.safetensors': tensors('a'), ...files });
    const { message } = (await readTensors(folder).catch((error: unknown) => error as Error)) as Error;
    expect(message).toContain(
      `${folder} has adapter_config.json: it is an adapter of some/base, and only whole models`,
    );
    const lines = message.split('\n').filter((line) => line.startsWith('  '));
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain("'<adapter>').merge_and_unload()");
    expect(lines[2]).toContain(load);
  });

  it.each([
    'base_model.model.bert.embeddings.LayerNorm.bias',
    'bert.encoder.layer.0.attention.self.query.base_layer.weight',
    'bert.encoder.layer.0.attention.self.query.lora_A.default.weight',
    'bert.embeddings.word_embeddings.lora_embedding_B',
    'cls.modules_to_save.default.predictions.bias',
  ])('that is not merged with its weights is refused by its tensor %s', async (name) => {
    await write({ 'model.safetensors': tensors('bert.fine', name) });
    await expect(readTensors(folder)).rejects.toThrow(
      `was saved while an adapter was attached: it has the tensor ${name}`,
    );
    await rm(join(folder, 'model.safetensors'));
    await write({ 'pytorch_model.bin': pickled('bert.fine', name) });
    await expect(readTensors(folder)).rejects.toThrow(`it has the tensor ${name}`);
  });
});

describe('what was downloaded in place of a file', () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 440449768\n`;
  const pages = ['<!DOCTYPE html>\n<html>', '\n<html lang="en">', '<?xml version="1.0"?><Error>'];

  it.each<[string, string, string]>([
    ['model.safetensors', pointer, 'is a git-lfs pointer, not the file itself: run "git lfs pull"'],
    ['pytorch_model.bin', pointer, 'is a git-lfs pointer'],
    ...pages.map((page): [string, string, string] => ['model.safetensors', page, 'is a web page, not the file itself']),
    ['pytorch_model.bin', '\ufeff<!doctype HTML>', 'is a web page'],
    ['model.safetensors.index.json', pages[0] ?? '', 'is a web page'],
  ])('%s is told by what it is: %j', async (name, content, problem) => {
    await write({ [name]: content });
    await expect(readTensors(folder)).rejects.toThrow(`${join(folder, name)} ${problem}`);
  });

  it('may be the vocabulary, too', async () => {
    await write({ 'vocab.txt': pointer, 'config.json': pages[0] ?? '' });
    await expect(readBytes(folder, 'vocab.txt')).rejects.toThrow('vocab.txt is a git-lfs pointer');
    await expect(readText(folder, 'config.json')).rejects.toThrow('config.json is a web page');
    await write({ 'vocab.txt': '<s>\n<html>\n' });
    expect(await readText(folder, 'vocab.txt')).toBe('<s>\n<html>\n');
  });
});

describe('the index of the shards', () => {
  it.each(['../../x.safetensors', '/x.safetensors', 'part/x.safetensors', 'x.bin', '.safetensors', '', 5, null])(
    'may not name %j',
    (file) => {
      expect(() => readIndex(JSON.stringify({ weight_map: { a: file } }), 'index', '.safetensors')).toThrow(
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
    expect(() => readIndex(json, 'index', '.bin')).toThrow(problem);
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

  it('may have NaN where nobody reads it, and nowhere else', () => {
    const json = JSON.stringify({ ...albert, hidden_size: 4, layer_norm_eps: 1e-12, initializer_range: 0.02 });
    const withNaN = (value: string) => readConfig(json.replace(value, 'NaN'));
    expect(withNaN('0.02').hidden_size).toBe(4);
    expect(() => withNaN('4')).toThrow('hidden_size is NaN, not a count');
    expect(() => withNaN('1e-12')).toThrow('layer_norm_eps is not a number');
  });

  it.each([
    [{ architectures: ['MyAlbert'], auto_map: { AutoModelForMaskedLM: 'my.MyAlbert' } }, 'my.MyAlbert'],
    [{ architectures: ['AlbertForMaskedLM'], auto_map: { AutoModelForMaskedLM: 'layers.Albert' } }, 'layers.Albert'],
    [{ auto_map: { AutoConfig: 'c.Config', AutoModel: 'm.Model' } }, 'm.Model'],
    [{ architectures: ['MyClassifier'], auto_map: { AutoModelForSequenceClassification: 'my.C' } }, 'my.C'],
    [{ model_type: 'nomic_bert', auto_map: { AutoModelForMaskedLM: 'n.Nomic' } }, 'n.Nomic'],
  ])('that names code is refused by it, not by a wrong remedy: %j', (changes, code) => {
    const refused = () => readConfig(JSON.stringify({ ...albert, ...changes }), () => true);
    expect(refused).toThrow('config.json: auto_map names code in the repository, ');
    expect(refused).toThrow(code);
    expect(refused).not.toThrow('set architectures');
  });

  it('may name code for other tasks', () => {
    const auto_map = { AutoModelForSequenceClassification: 'my.C', AutoModel: null };
    expect(read({ architectures: ['AlbertForMaskedLM'], auto_map }).family).toBe('albert');
    expect(read({ auto_map: null }).family).toBe('albert');
  });

  it('may name several classes, one of which is supported', () => {
    expect(read({ architectures: ['Other', 'AlbertForMaskedLM'] }).family).toBe('albert');
    expect(read({ architectures: [] }).family).toBe('albert');
  });

  it.each([
    [{ num_attention_heads: 0 }, 'num_attention_heads is 0, not a count'],
    [{ vocab_size: 1.5 }, 'vocab_size is 1.5, not a count'],
    [{ model_type: 'roberta', pad_token_id: -1 }, 'pad_token_id is -1, not a count'],
    [{ architectures: ['A', 'B'] }, 'architectures is A, B; the file has no head'],
  ])('with %j is refused', (changes, problem) => {
    expect(() => read(changes)).toThrow(problem);
  });
});
