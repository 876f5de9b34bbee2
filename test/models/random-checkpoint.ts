/** Creates checkpoints of any geometry with seeded random weights. Writes files. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readConfig } from '../../models/checkpoint/config.ts';
import { TENSORS } from '../../models/checkpoint/families.ts';
import { seeded } from '../../models/evaluation/random.ts';

export const ALBERT_BASE = {
  model_type: 'albert',
  architectures: ['AlbertForPreTraining'],
  hidden_act: 'gelu_new',
  embedding_size: 128,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
};

/**
 * Writes `config.json` and `model.safetensors` (F16). Weights are distributed as by `draw` of test/fixtures/record/families.py, so
 * that every part of the model affects its logits.
 */
export async function writeRandomCheckpoint(folder: string, config: object, seed: number): Promise<void> {
  const header: Record<string, object> = {};
  const parts: Uint16Array[] = [];
  let end = 0;
  const random = seeded(seed);
  for (const { name, shape, centre, width } of tensorsOf(JSON.stringify(config))) {
    const size = shape.reduce((a, b) => a * b, 1);
    const bits = new Uint16Array(size);
    for (let i = 0; i < size; i++) bits[i] = toFloat16(centre + width * bell(random(2 ** 32)));
    parts.push(bits);
    header[name] = { dtype: 'F16', shape, data_offsets: [end, (end += 2 * size)] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const data = parts.map(({ buffer }) => new Uint8Array(buffer));
  await writeFile(join(folder, 'model.safetensors'), Buffer.concat([length, json, ...data]));
}

interface Drawn {
  readonly name: string;
  readonly shape: readonly number[];
  readonly centre: number;
  readonly width: number;
}

function tensorsOf(json: string): Drawn[] {
  const config = readConfig(json);
  const { embedding_size: E, hidden_size: H, intermediate_size: F, vocab_size: V } = config;
  const names = TENSORS[config.family];
  const drawn: Drawn[] = [];
  const add = (name: string, shape: number[], width: number, centre = 0) => drawn.push({ name, shape, centre, width });
  const linear = (name: string, inputs: number, outputs: number) => {
    add(`${name}.weight`, [outputs, inputs], 1.2 / Math.sqrt(inputs));
    add(`${name}.bias`, [outputs], 0.3);
  };
  const norm = (name: string, size: number) => {
    add(`${name}.weight`, [size], 0.3, 1);
    add(`${name}.bias`, [size], 0.3);
  };
  // So that logits vary as they do with short rows.
  const rows = 2.5 / Math.sqrt(E);
  add(`${names.words}.weight`, [V, E], rows);
  add(`${names.positions}.weight`, [config.position_offset + config.max_position_embeddings, E], rows);
  if (names.types) add(`${names.types}.weight`, [config.type_vocab_size, E], rows);
  norm(names.norm, E);
  if (names.projection) linear(names.projection, E, H);
  for (let layer = 0; layer < config.layers_stored; layer++) {
    const prefix = names.layer(layer, config.inner_group_num);
    for (const part of [names.query, names.key, names.value, names.attention]) linear(prefix + part, H, H);
    linear(prefix + names.feedForward, H, F);
    linear(prefix + names.feedForwardOutput, F, H);
    norm(prefix + names.attentionNorm, H);
    norm(prefix + names.outputNorm, H);
  }
  linear(names.mlmDense, H, E);
  norm(names.mlmNorm, E);
  add(names.mlmBias, [V], 0.3);
  if (names.sentence) {
    linear(names.sentence.pooler, H, H);
    linear(names.sentence.classifier, H, 2);
  }
  return drawn;
}

/** The sum of four uniform bytes, which is close to normal, with mean 0 and deviation 1. */
function bell(bits: number): number {
  return ((bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24) - 510) / 148;
}

const float32 = new Float32Array(1);
const bitsOfFloat32 = new Uint32Array(float32.buffer);

/** The next number of IEEE 754 binary16 towards zero, for numbers well within its range. */
function toFloat16(value: number): number {
  float32[0] = value;
  const bits = bitsOfFloat32[0] ?? 0;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  return exponent <= 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
