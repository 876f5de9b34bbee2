/**
 * The engine's module. Its caller (src/inference/engine.ts) copies a model file to `blobStart`, calls `prepare` once, and for
 * each run writes the inputs and calls
 *
 *   embed(texts)              ids → hidden
 *   encode(layer, texts)      hidden → hidden, for each layer but the last
 *   encodeSelected(…)         the last one
 *   predict(first, count)     hidden → logits
 *   classifyPair(row)                hidden → sentenceLogits
 *
 * Everything is synchronous. A trap leaves the memory in any state: the instance is then thrown away.
 */
export { embed } from './embeddings';
export { encode, encodeSelected } from './encoder';
export { classifyPair, predict } from './heads';
export {
  blobStart,
  fusedDot,
  hidden,
  inputIds,
  logits,
  masked,
  logSumExpParts,
  prepare,
  relaxedSimd,
  selection,
  selectionStarts,
  sentenceLogits,
  starts,
  tokenTypeIds,
} from './model';
