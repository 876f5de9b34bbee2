/** What an isolate needs in memory, at the worst: `convert` and the worker decide by it what fits. No I/O. */
import type { WeightsFile } from '../inference/backend.ts';
import { widthsOf } from '../inference/efm-format.ts';
import {
  ISOLATE_BYTES,
  MAX_CACHED_ENCODINGS,
  MAX_CACHED_PAIRS,
  MAX_CACHED_PREDICTIONS,
  MAX_CACHED_SCORES,
  MAX_HELD_BYTES,
  MAX_MASKS_PER_RUN,
  SCRIPT_HEAP_BYTES,
  TOKENIZER_HEAP_RATIO,
} from '../limits.ts';
import type { Manifest } from './manifest.ts';

const CACHES_BYTES = [MAX_CACHED_ENCODINGS, MAX_CACHED_PREDICTIONS, MAX_CACHED_SCORES, MAX_CACHED_PAIRS].reduce(
  (sum, { bytes }) => sum + bytes,
  0,
);

/** What is left for models: the rest is the script, full caches, and what requests hold while they wait for their clients. */
export const MAX_MODELS_BYTES = ISOLATE_BYTES - SCRIPT_HEAP_BYTES - CACHES_BYTES - MAX_HELD_BYTES;

/**
 * Bytes of the tokenizer, and of the logits of one run in float32.
 * @param tokenizer_bytes of the tokenizer's file
 */
const bytesBesideWeights = (vocab_size: number, tokenizer_bytes: number): number =>
  TOKENIZER_HEAP_RATIO * tokenizer_bytes + 4 * MAX_MASKS_PER_RUN * vocab_size;

/** What is left of an isolate for WASM memory, with one model. */
export const maxWasmBytes = (vocab_size: number, tokenizer_bytes: number): number =>
  Math.max(0, MAX_MODELS_BYTES - bytesBesideWeights(vocab_size, tokenizer_bytes));

/** @returns bytes of WASM memory for the longest text, within an eighth of the measurements */
export function wasmBytes(
  file: WeightsFile,
  file_bytes: number,
  architecture: Omit<Manifest['architecture'], 'family'>,
): number {
  const { num_attention_heads: A, vocab_size: V } = architecture;
  const { hidden: H, intermediate: F, attention: Q } = widthsOf(architecture);
  const L = architecture.max_position_embeddings;
  // The file is held twice, as read and packed for its products. The longest text needs the scores of all heads and the activations
  // between the layers.
  if (file === 'model.onnx') return 12_000_000 + 2.4 * file_bytes + 4 * L * (L * A + 3 * F);
  // As `prepare` of the kernels lays it out: hidden states, keys and values of all tokens, blocks of 64 tokens between the layers,
  // and eight rows of logits.
  return file_bytes + L * (6.5 * H + 4 * Q + 8 * A + 100) + 64 * (7 * Math.max(F, 2 * Q) + 4 * Q) + 32 * V + 200_000;
}

/** All that a loaded model takes. */
export function modelBytes(
  file: WeightsFile,
  { files, architecture }: Pick<Manifest, 'files' | 'architecture'>,
): number {
  const bytesOf = (wanted: string) => files.find(({ name }) => name === wanted)?.bytes ?? 0;
  return (
    wasmBytes(file, bytesOf(file), architecture) + bytesBesideWeights(architecture.vocab_size, bytesOf('tokenizer.bin'))
  );
}
