/** From a checkpoint in `models/<id>/` to what the bucket holds of it. Reads and writes files; no network. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { type Manifest, revisionOf, sealManifest, sha256Hex } from '../src/model/manifest.ts';
import type { EncoderWeights } from './checkpoint/encoder.ts';
import { readTensors, readText } from './checkpoint/files.ts';
import { readWeights } from './checkpoint/weights.ts';
import { readCard } from './card.ts';
import { packEngineFile } from './engine/pack.ts';
import { buildGraph } from './onnx/encoder.ts';
import { packUnigram } from './tokenizer/unigram.ts';
import { type MeasuredErrors, readQuantizationErrors } from './quantization-error.ts';

const MODELS = import.meta.dirname;
const BUILT = join(MODELS, '.build');

/** A checkpoint as it is committed. */
export interface Checkpoint {
  readonly id: string;
  readonly folder: string;
  readonly weights: EncoderWeights;
  /** The text of `tokenizer.json`. */
  readonly tokenizer: string;
}

/** What is served, before anything is said about it. */
export interface Artifacts {
  readonly revision: string;
  readonly files: Readonly<
    Record<'model.onnx' | 'model.efm' | 'tokenizer.json', Uint8Array<ArrayBuffer>> & {
      /** Only of a tokenizer that this form can hold. */
      'tokenizer.bin'?: Uint8Array<ArrayBuffer>;
    }
  >;
  readonly listed: Manifest['files'];
}

/**
 * @param model the id of a folder here, or the path of one elsewhere
 * @throws naming the file that is missing or wrong
 */
export async function readCheckpoint(model: string): Promise<Checkpoint> {
  const folder = model.includes('/') ? model : join(MODELS, model);
  const id = basename(folder);
  const weights = readWeights(await readText(folder, 'config.json'), await readTensors(folder));
  return { id, folder, weights, tokenizer: await readText(folder, 'tokenizer.json') };
}

export async function makeArtifacts({ weights, tokenizer }: Checkpoint): Promise<Artifacts> {
  const binary = packUnigram(tokenizer);
  const files: Artifacts['files'] = {
    'model.onnx': buildGraph(weights, 'int8'),
    'model.efm': packEngineFile(weights),
    // Without the blanks that make the committed one readable: it is parsed by every cold isolate.
    'tokenizer.json': new TextEncoder().encode(JSON.stringify(JSON.parse(tokenizer))),
    ...(binary && { 'tokenizer.bin': binary }),
  };
  const listed = await Promise.all(
    Object.entries(files).map(async ([name, bytes]) => ({
      name: name as keyof typeof files,
      bytes: bytes.length,
      sha256: await sha256Hex(bytes),
    })),
  );
  return { revision: await revisionOf(listed), files, listed };
}

/** Of the tokens that the pipeline has to know by name. */
export function specialTokens(tokenizer: string): Manifest['special_tokens'] {
  const { added_tokens } = JSON.parse(tokenizer) as { added_tokens: { id: number; content: string }[] };
  const find = (token: string) => {
    const found = added_tokens.find(({ content }) => content === token);
    if (!found) throw new Error(`tokenizer.json: added_tokens has no ${token}`);
    return { id: found.id, token };
  };
  return { mask: find('[MASK]'), unk: find('<unk>') };
}

/** What the bucket says of the artifacts, beside themselves. */
export function makeManifest(
  { id, weights: { config, sentence }, tokenizer }: Checkpoint,
  { revision, listed }: Artifacts,
  errors: MeasuredErrors,
  card: { license: string; source: string },
): Promise<Manifest> {
  return sealManifest({
    format: 2,
    id,
    revision,
    files: listed,
    architecture: {
      family: config.family,
      vocab_size: config.vocab_size,
      embedding_size: config.embedding_size,
      hidden_size: config.hidden_size,
      num_hidden_layers: config.num_hidden_layers,
      num_attention_heads: config.num_attention_heads,
      intermediate_size: config.intermediate_size,
      max_position_embeddings: config.max_position_embeddings,
    },
    special_tokens: specialTokens(tokenizer),
    heads: sentence ? ['mlm', sentence.head] : ['mlm'],
    quantization: {
      'model.onnx': {
        weights: 'int8, a scale for each output channel',
        activations: 'uint8, a scale for each token; twice in the decoder',
        error: errors['model.onnx'],
      },
      'model.efm': {
        weights: 'int8, a scale for each output channel',
        activations: '7 bits, a scale and a minimum for each token; 14 bits at both ends',
        error: errors['model.efm'],
      },
    },
    ...card,
  });
}

/**
 * Builds models/.build/<id>/<revision>/, unless it is there. It appears whole or not at all.
 * @throws when the committed quantization error was measured on another revision
 */
export async function build(id: string): Promise<{ revision: string; folder: string; manifest: Manifest }> {
  const checkpoint = await readCheckpoint(id);
  const artifacts = await makeArtifacts(checkpoint);
  const { revision } = artifacts;
  const manifest = await makeManifest(
    checkpoint,
    artifacts,
    await readQuantizationErrors(checkpoint.folder, revision),
    await readCard(checkpoint.folder),
  );

  const folder = join(BUILT, id, revision);
  if (!existsSync(folder)) {
    const part = `${folder}.part-${process.pid}`;
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    for (const [name, bytes] of Object.entries(artifacts.files)) await writeFile(join(part, name), bytes);
    await writeFile(join(part, 'manifest.json'), JSON.stringify(manifest, null, 2));
    await rename(part, folder);
  }
  return { revision, folder, manifest };
}
