/** Builds the files of a model for the bucket from a checkpoint. Reads and writes files; no network. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { type Manifest, revisionOf, sealManifest, sha256Hex } from '../../src/model/manifest.ts';
import type { WeightsFile } from '../../src/inference/backend.ts';
import { readCard } from './card.ts';
import type { EncoderWeights } from '../checkpoint/encoder.ts';
import { readTensors, readText } from '../checkpoint/files.ts';
import { readWeights } from '../checkpoint/weights.ts';
import { packEngineFile } from '../engine/pack.ts';
import { addedFolder, recordAdded } from '../hub/added.ts';
import { explainDiskError } from '../hub/disk-error.ts';
import { replaceFile } from '../hub/replace-file.ts';
import { pulledFolder } from '../hub/source.ts';
import { buildGraph } from '../onnx/encoder.ts';
import { SERVED } from '../onnx/linear.ts';
import {
  BUILT_FILES,
  type BuiltFor,
  findQuantizationErrors,
  type LayerBits,
  type MeasuredErrors,
  readBuiltFor,
  readLayerBits,
  readQuantizationErrors,
} from './quantization-error.ts';
import { keepVocabulary, readKept } from './keep-vocabulary.ts';
import { readPlan } from './plan-file.ts';
import { type LayerPlan, uncalibratedPlan } from '../quantization/plan.ts';
import { type FoundTokenizer, readTokenizer } from '../tokenizer/files.ts';
import { describePostProcessor } from '../tokenizer/post-processor.ts';

const MODELS = join(import.meta.dirname, '..');
const BUILT = join(MODELS, '.build');

export interface Checkpoint {
  readonly id: string;
  readonly folder: string;
  readonly weights: EncoderWeights;
  readonly tokenizer: FoundTokenizer;
  /** How many pieces the vocabulary had, if it was trimmed. */
  readonly trimmed_from?: number;
  /** Of the weights in the layers of the build. */
  readonly bits: LayerBits;
  /** Which backends it is built for. */
  readonly backend: BuiltFor;
  /** (layers_stored,): how the inputs of the layers are quantized. */
  readonly plan: readonly LayerPlan[];
}

/** The served files, without the manifest. */
export interface Artifacts {
  readonly revision: string;
  readonly files: Readonly<
    Record<'tokenizer.bin', Uint8Array<ArrayBuffer>> & Partial<Record<WeightsFile, Uint8Array<ArrayBuffer>>>
  >;
  readonly listed: Manifest['files'];
}

/** The folder with a committed or downloaded checkpoint of this id. */
export function ownFolder(id: string): string | undefined {
  const [committed, pulled] = [join(MODELS, id), pulledFolder(MODELS, id)];
  // Other folders of models/ have code.
  if (existsSync(join(committed, 'config.json'))) return committed;
  return existsSync(pulled) ? pulled : undefined;
}

/** The folder of a checkpoint: a path, or the id of one that is committed, downloaded or was built from a folder. */
function folderOf(model: string): string {
  if (model.includes('/')) return resolve(model);
  return ownFolder(model) ?? addedFolder(model) ?? join(MODELS, model);
}

/** Whether there is a folder to read a checkpoint from. */
export const hasCheckpoint = (model: string): boolean => existsSync(folderOf(model));

/**
 * @param model an id, or the path of a folder
 * @param whole with its whole vocabulary, even if it was trimmed
 * @throws naming the file or the field that is missing or wrong
 */
export async function readCheckpoint(model: string, whole = false): Promise<Checkpoint> {
  const folder = folderOf(model);
  if (addedFolder(model) === folder && !existsSync(folder)) {
    throw new Error(`${model} was built from ${folder}, which is gone`);
  }
  const id = basename(folder).toLowerCase();
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(id)) {
    throw new Error(`${folder}: the name of the folder is the model's id, of letters, digits, ".", "_" and "-"`);
  }
  // First of all: a folder of other weights, or of an adapter, often has no config.json.
  const tensors = await readTensors(folder);
  const weights = readWeights(await readText(folder, 'config.json'), tensors);
  const tokenizer = await readTokenizer(folder);
  const largest = largestId(tokenizer.json);
  if (largest >= weights.config.vocab_size) {
    throw new Error(
      `${folder}: the tokenizer has ids up to ${largest}, and the embedding has ${weights.config.vocab_size} rows ` +
        '(config.json: vocab_size)',
    );
  }
  const fed = checkTypes(weights, tokenizer);
  const bits = await readLayerBits(folder);
  const kept = whole ? undefined : await readKept(folder, tokenizer);
  const parts = kept ? keepVocabulary(fed, kept) : fed;
  const plan = (await readPlan(folder, parts.weights, bits)) ?? uncalibratedPlan(parts.weights);
  return {
    id,
    folder,
    ...parts,
    ...(kept && { trimmed_from: weights.config.vocab_size }),
    bits,
    backend: await readBuiltFor(folder),
    plan,
  };
}

/**
 * Compares the types that a tokenizer gives its tokens with the rows that the model has for them.
 * @returns both; without the sentence head, where only a pair has a type beyond the rows
 * @throws naming the field, if a text has such a type, or if it has other types by one version of `transformers` than by another
 */
function checkTypes(
  weights: EncoderWeights,
  tokenizer: FoundTokenizer,
): { weights: EncoderWeights; tokenizer: FoundTokenizer } {
  const { config, sentence, warnings = [] } = weights;
  const { post_processor } = JSON.parse(tokenizer.json) as { post_processor?: unknown };
  const { single, pair } = describePostProcessor(post_processor).types;
  const beyond = (types: readonly number[]) => types.find((type) => type >= config.type_vocab_size);
  const rows = `config.json: type_vocab_size is ${config.type_vocab_size}`;
  const ofText = beyond(single);
  if (ofText !== undefined) {
    throw new Error(`${rows}, and post_processor of tokenizer.json gives a text the token type ${ofText}`);
  }
  const unsaid = 'model_input_names of tokenizer_config.json does not say whether the model gets';
  const versions = 'transformers 4 feeds them, and 5 feeds zeros. Set it, with or without token_type_ids';
  if (tokenizer.feedsTypes === undefined && single.some((type) => type !== 0)) {
    throw new Error(`${unsaid} the token types ${single.join(', ')} of a text: ${versions}`);
  }
  const said = [...tokenizer.warnings];
  if (sentence && tokenizer.feedsTypes === undefined && pair.some((type) => type !== 0)) {
    said.push(`${unsaid} the token types of two texts: they are fed; ${versions}`);
  }
  const ofPair = sentence && beyond(pair);
  if (ofPair === undefined) return { weights, tokenizer: { ...tokenizer, warnings: said } };
  const why = `the sentence head is left out: ${rows}, and post_processor of tokenizer.json gives the second text the token type ${ofPair}`;
  return { weights: { ...weights, sentence: undefined, warnings: [...warnings, why] }, tokenizer };
}

function largestId(tokenizer: string): number {
  const { model, added_tokens = [] } = JSON.parse(tokenizer) as {
    model: { vocab: Record<string, number> | unknown[] };
    added_tokens?: { id: number }[];
  };
  const pieces = Array.isArray(model.vocab) ? [model.vocab.length - 1] : Object.values(model.vocab);
  return [...pieces, ...added_tokens.map(({ id }) => id)].reduce((a, b) => Math.max(a, b), 0);
}

export async function makeArtifacts({ weights, tokenizer, bits, backend, plan }: Checkpoint): Promise<Artifacts> {
  const made: Record<WeightsFile, () => Uint8Array<ArrayBuffer>> = {
    'model.onnx': () => buildGraph(weights, bits === 4 ? { ...SERVED, layer_bits: 4 } : 'int8', plan),
    'model.efm': () => packEngineFile(weights, bits, plan),
  };
  const files: Artifacts['files'] = {
    ...Object.fromEntries(BUILT_FILES[backend].map((name) => [name, made[name]()])),
    'tokenizer.bin': tokenizer.packed,
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

/** @throws when the checkpoint is not built for the backend that reads this file */
export function weightsIn({ files }: Artifacts, name: WeightsFile): Uint8Array<ArrayBuffer> {
  const bytes = files[name];
  if (bytes) return bytes;
  throw new Error(`the model is built without ${name}: convert and measure it with --backend both`);
}

/**
 * The manifest of the artifacts.
 * @param errors undefined if nothing was measured yet
 */
export function makeManifest(
  { id, weights: { config, sentence }, tokenizer, trimmed_from, bits, backend }: Checkpoint,
  { revision, listed }: Artifacts,
  errors: MeasuredErrors | undefined,
  card: { license: string; source: string },
): Promise<Manifest> {
  const int4 = '4 bits in the layers, a step for each output and 32 inputs; int8 elsewhere';
  const rounded = bits === 4 ? int4 : 'int8, a scale for each output channel';
  const activations: Record<WeightsFile, string> = {
    'model.onnx':
      bits === 4
        ? 'int8, a scale for each 32 inputs of a token; uint8, twice, in the decoder'
        : 'uint8, a scale for each token; twice in the decoder',
    'model.efm': '7 bits, a scale and a minimum for each token; 14 bits for outlier channels and at both ends',
  };
  return sealManifest({
    format: 3,
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
    special_tokens: tokenizer.special_tokens,
    heads: sentence ? ['mlm', sentence.head] : ['mlm'],
    quantization: Object.fromEntries(
      BUILT_FILES[backend].map((name) => {
        const error = errors?.[name];
        return [name, { weights: rounded, activations: activations[name], ...(error && { error }) }];
      }),
    ),
    ...card,
    ...(trimmed_from && { source: `${card.source}, with ${config.vocab_size} of ${trimmed_from} pieces` }),
  });
}

/** A revision in models/.build/<id>/<revision>/. */
export interface Build {
  readonly id: string;
  readonly revision: string;
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Builds a model that was measured, unless the build exists.
 * @param model an id, or the path of a folder
 * @throws when the recorded quantization error was measured on another revision
 */
export async function build(model: string): Promise<Build> {
  const checkpoint = await readCheckpoint(model);
  const artifacts = await makeArtifacts(checkpoint);
  return writeBuild(checkpoint, artifacts, await readQuantizationErrors(checkpoint.folder, artifacts.revision));
}

/** @returns undefined where the checkpoint was not measured as it is built now */
export async function buildMeasured(model: string): Promise<Build | undefined> {
  const checkpoint = await readCheckpoint(model);
  const artifacts = await makeArtifacts(checkpoint);
  const errors = await findQuantizationErrors(checkpoint.folder, artifacts.revision);
  return errors && writeBuild(checkpoint, artifacts, errors);
}

/** Writes a build, completely or not at all. If it exists, only a different manifest is replaced. */
export async function writeBuild(
  checkpoint: Checkpoint,
  artifacts: Artifacts,
  errors: MeasuredErrors | undefined,
): Promise<Build> {
  const { id } = checkpoint;
  const { revision } = artifacts;
  const manifest = await makeManifest(checkpoint, artifacts, errors, await readCard(checkpoint.folder));
  const text = JSON.stringify(manifest, null, 2);
  if (!ownFolder(id)) await recordAdded(id, checkpoint.folder);
  const folder = join(BUILT, id, revision);
  const part = `${folder}.part-${process.pid}`;
  try {
    if (!existsSync(folder)) {
      await rm(part, { recursive: true, force: true });
      await mkdir(part, { recursive: true });
      for (const [name, bytes] of Object.entries(artifacts.files)) await writeFile(join(part, name), bytes);
      await writeFile(join(part, 'manifest.json'), text);
      await rename(part, folder);
    } else if ((await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => '')) !== text) {
      await replaceFile(join(folder, 'manifest.json'), text);
    }
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw explainDiskError(error);
  }
  return { id, revision, folder, manifest };
}
