/** The header of the engine's file: its values are read back, and faults are named before anything is copied. */
import { describe, expect, it } from 'vitest';

import {
  BlobError,
  createBlob,
  type ModelConfig,
  NO_OUTLIERS,
  headerBytesOf,
  readHeader,
} from '../../../src/inference/efm-format.ts';
import { seeded } from '../../../models/evaluation/random.ts';

const geometry: ModelConfig = {
  vocab_size: 30,
  embedding_size: 16,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 3,
  layers_stored: 3,
  num_attention_heads: 2,
  max_position_embeddings: 20,
  type_vocab_size: 2,
  position_offset: 0,
  inner_group_num: 1,
  layer_norm_eps: Math.fround(1e-12),
  projection: true,
  sentence: true,
  activation: 'gelu_new',
  head_activation: 'gelu_new',
  decoder: false,
  mlm_rest: false,
  layer_bits: 8,
  outliers: Array.from({ length: 3 }, () => NO_OUTLIERS),
};
const { blob, sections } = createBlob(geometry);
const header = blob.subarray(0, headerBytesOf(blob));

/** After the fields and the outliers of three layers. */
const TABLE = 96 + 3 * 16;

/** The header with one 32-bit number changed. */
function changed(at: number, value: number): Uint8Array {
  const copy = header.slice();
  new DataView(copy.buffer).setUint32(at, value, true);
  return copy;
}

/** The header of a file with these sizes, as it is read back. */
const readChanged = (changes: Partial<ModelConfig>) => {
  const made = createBlob({ ...geometry, ...changes }).blob;
  return readHeader(made.subarray(0, headerBytesOf(made)), made.length);
};

describe('the header', () => {
  it.each([
    geometry,
    {
      ...geometry,
      layers_stored: 1,
      outliers: [NO_OUTLIERS],
      activation: 'gelu' as const,
      head_activation: 'gelu' as const,
    },
    { ...geometry, activation: 'relu' as const, head_activation: 'relu' as const },
    { ...geometry, activation: 'silu' as const, head_activation: 'gelu' as const },
    { ...geometry, embedding_size: 20, hidden_size: 78, num_attention_heads: 3, intermediate_size: 100 },
    {
      ...geometry,
      outliers: geometry.outliers.with(1, { query_key_value: 8, attention: 16, feed_forward: 0, output: 48 }),
    },
    { ...geometry, projection: false, embedding_size: 32, sentence: false },
    {
      ...geometry,
      num_hidden_layers: 4,
      layers_stored: 2,
      outliers: [NO_OUTLIERS, NO_OUTLIERS],
      inner_group_num: 2,
      decoder: true,
    },
    { ...geometry, mlm_rest: true },
    { ...geometry, layer_bits: 4 as const },
    { ...geometry, num_hidden_layers: 48, layers_stored: 48, outliers: Array.from({ length: 48 }, () => NO_OUTLIERS) },
  ])('comes back as it was written', (given) => {
    const { blob: file } = createBlob(given);
    expect(readHeader(file, file.length)).toEqual(given);
  });

  it('places every section at a multiple of 64, after the previous one', () => {
    let end = header.length;
    for (const { offset, bytes } of sections) {
      expect(offset % 64).toBe(0);
      expect(offset).toBe(end);
      end = Math.ceil((offset + bytes) / 64) * 64;
    }
    expect(blob.length).toBe(end);
  });

  it('is little-endian', () => {
    expect([...blob.subarray(0, 12)]).toEqual([0x65, 0x66, 0x6d, 0, 4, 3, 2, 1, 4, 0, 0, 0]);
  });

  it.each([
    ['magic', changed(0, 0), /^magic/],
    ['byte order', changed(4, 0x04030201), /^byte order: 0x4030201 where little-endian has 0x1020304/],
    ['version', changed(8, 1), /^version: 1 where this engine reads 4: build the model again/],
    ['length of the header, too small', changed(12, 95), /^header bytes: 95/],
    ['length of the header, too large', changed(12, 2 ** 31), /^header bytes: 2147483648 is not between/],
    ['length of the header, another', changed(12, 128), /^header bytes: 128/],
    ['length of the file', changed(16, blob.length + 64), /^total bytes/],
    ['number of sections', changed(20, sections.length - 1), /^sections/],
    ['vocabulary', changed(24, 0), /^vocab_size: 0 is not a count/],
    ['vocabulary, larger than the sections are', changed(24, 1000), /^(total bytes|length of words)/],
    ['embedding size', changed(28, 12 + 2 ** 20), /^(total bytes|length of words)/],
    ['hidden size', changed(32, 2 ** 31), /^hidden_size: 2147483648 is too large/],
    ['feed-forward size', changed(36, 2 ** 24), /^total bytes: \d+ is more than/],
    ['layers', changed(40, 2), /^layers_stored: 3 is not a multiple of 1 up to num_hidden_layers, 2/],
    ['layers stored', changed(44, 4), /^layers_stored: 4/],
    ['layers of a group', changed(60, 2), /^inner_group_num: 2 does not divide num_hidden_layers/],
    ['heads', changed(48, 3), /^num_attention_heads: 32 \/ 3 is not a whole number up to 128/],
    ['positions', changed(52, 2 ** 30), /^max_position_embeddings: \d+ is too large/],
    ['flags', changed(64, 512), /^flags: 512/],
    ['flags of two activations', changed(64, 4 + 64), /^flags: 68 names more than one activation/],
    ['no projection where sizes differ', changed(64, 6), /^embedding_size: 16 is not hidden_size, 32/],
    [
      'outliers, not a multiple of 8',
      changed(96, 4),
      /^outliers: 4 of query_key_value is not a multiple of 8 up to 24/,
    ],
    [
      'outliers, all of the channels',
      changed(96 + 16 + 12, 64),
      /^outliers: 64 of output is not a multiple of 8 up to 56/,
    ],
    [
      'outliers, others than the sections have',
      changed(96 + 4, 8),
      /^total bytes|^length of layer\.0\.attention\.swaps/,
    ],
    ['epsilon', changed(68, 0), /^layer_norm_eps: 0/],
    [
      'name of a section',
      changed(TABLE, 0x41414141),
      /^name of section 0: "AAAAs\.weight" where this geometry has "words.weight"/,
    ],
    ['offset of a section', changed(TABLE + 44 + 36, 64), /^offset of words\.scale: 64/],
    ['length of a section', changed(TABLE + 44 + 40, 4), /^length of words\.scale: 4/],
  ])('that is wrong in its %s is refused by that name', (_, wrong, message) => {
    expect(() => readHeader(wrong, blob.length)).toThrow(BlobError);
    expect(() => readHeader(wrong, blob.length)).toThrow(message);
  });

  it.each<[string, Partial<ModelConfig>, Partial<ModelConfig>, string]>([
    [
      'heads',
      { hidden_size: 256, num_attention_heads: 2 },
      { hidden_size: 272, num_attention_heads: 2 },
      'num_attention_heads: 272 / 2 is not a whole number up to 128',
    ],
    [
      'outliers',
      { intermediate_size: 2048, outliers: geometry.outliers.with(1, { ...NO_OUTLIERS, output: 1024 }) },
      { intermediate_size: 2048, outliers: geometry.outliers.with(1, { ...NO_OUTLIERS, output: 1032 }) },
      'outliers: 1032 of output is not a multiple of 8 up to 1024',
    ],
  ])('allows as many %s as cannot overflow, and no more', (_, most, more, message) => {
    expect(readChanged(most)).toMatchObject(most);
    expect(() => readChanged(more)).toThrow(message);
  });

  it('of a file of another length is refused', () => {
    expect(() => readHeader(header, blob.length - 1)).toThrow(/^total bytes: \d+ where the file has \d+$/);
  });

  it('that ends too soon is refused', () => {
    for (const length of [0, 23, 24, 95, header.length - 1]) {
      expect(() => readHeader(header.subarray(0, length), blob.length)).toThrow(/ends within its header/);
    }
  });

  it('with any bits changed is refused, or says the same of every size', () => {
    const random = seeded(7);
    let refused = 0;
    for (let round = 0; round < 4_000; round++) {
      const fuzzed = header.slice();
      for (let flips = 1 + random(4); flips > 0; flips--) {
        const at = random(fuzzed.length);
        fuzzed[at] = (fuzzed[at] ?? 0) ^ (1 << random(8));
      }
      try {
        const read = readHeader(fuzzed, blob.length);
        // Nothing else is without consequence for the length of a section.
        expect({ ...read, layer_norm_eps: 0, activation: '', head_activation: '' }).toMatchObject({
          ...geometry,
          layer_norm_eps: 0,
          activation: '',
          head_activation: '',
          num_attention_heads: read.num_attention_heads,
          num_hidden_layers: read.num_hidden_layers,
          inner_group_num: read.inner_group_num,
        });
      } catch (error) {
        if (!(error instanceof BlobError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(3_000);
  });
});
