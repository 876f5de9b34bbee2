/** What an isolate needs in memory beside the WASM memory of its model, at the worst. `convert` decides by it what fits. No I/O. */
import {
  ISOLATE_BYTES,
  MAX_ANSWER_LENGTH,
  MAX_CACHED_ENCODINGS,
  MAX_CACHED_PAIRS,
  MAX_CACHED_PREDICTIONS,
  MAX_CACHED_SCORES,
  MAX_MASKS_PER_RUN,
  SCRIPT_HEAP_BYTES,
  TOKENIZER_HEAP_RATIO,
} from '../limits.ts';

const CACHES_BYTES = [MAX_CACHED_ENCODINGS, MAX_CACHED_PREDICTIONS, MAX_CACHED_SCORES, MAX_CACHED_PAIRS].reduce(
  (sum, { bytes }) => sum + bytes,
  0,
);

/**
 * Bytes for the script, the tokenizer, full caches, the logits of one run in float32 and the longest answer, two bytes a
 * character.
 * @param tokenizer_bytes of the tokenizer's file
 */
function bytesBesideModel(vocab_size: number, tokenizer_bytes: number): number {
  const logits = 4 * MAX_MASKS_PER_RUN * vocab_size;
  return SCRIPT_HEAP_BYTES + TOKENIZER_HEAP_RATIO * tokenizer_bytes + CACHES_BYTES + logits + 2 * MAX_ANSWER_LENGTH;
}

/** What is left of an isolate for WASM memory. */
export const maxWasmBytes = (vocab_size: number, tokenizer_bytes: number): number =>
  Math.max(0, ISOLATE_BYTES - bytesBesideModel(vocab_size, tokenizer_bytes));
