/** What a model will need at the edge, before it is converted. Compiles the kernels; reads nothing else. */
import { createBlob, layoutSections, MAX_HEADER_BYTES, STEP_INPUTS, widthsOf } from '../../src/inference/efm-format.ts';
import type { EncoderWeights } from '../checkpoint/encoder.ts';
import { geometryOf } from '../engine/pack.ts';
import { forInputs, type LayerPlan } from '../quantization/plan.ts';
import { kernelModule } from '../../src/inference/compile-kernels.ts';
import { maxWasmBytes, wasmBytes } from '../../src/model/memory.ts';

/** As `npm run check:size` measures them, both parts together. */
const SCRIPT_BYTES = { engine: 120_000, onnxruntime: 14_400_000 };

export interface Needs {
  /** Of the file of weights in the bucket. */
  readonly fileBytes: number;
  /** WASM memory for the largest request. */
  readonly heapBytes: number;
  /** What is left of an isolate for that. */
  readonly maxHeapBytes: number;
  readonly scriptBytes: number;
  /** Whether the heap is computed exactly, or estimated. */
  readonly exact: boolean;
}

/**
 * For each backend.
 * @param tokenizer_bytes of `tokenizer.bin`
 */
export async function needsOf(
  weights: EncoderWeights,
  tokenizer_bytes: number,
  layer_bits: 4 | 8,
  plan: readonly LayerPlan[],
): Promise<Record<'engine' | 'onnxruntime', Needs>> {
  const geometry = geometryOf(weights, layer_bits, plan);
  const { totalBytes } = layoutSections(geometry);
  const maxHeapBytes = maxWasmBytes(weights.config.vocab_size, tokenizer_bytes);
  return {
    engine: {
      fileBytes: totalBytes,
      heapBytes: await engineHeap(createBlob(geometry).blob),
      maxHeapBytes,
      scriptBytes: SCRIPT_BYTES.engine,
      exact: true,
    },
    onnxruntime: {
      ...reckonOnnxruntime(weights, totalBytes),
      maxHeapBytes,
      scriptBytes: SCRIPT_BYTES.onnxruntime,
      exact: false,
    },
  };
}

/**
 * The fraction of the work in the layers that may be done twice for outlier channels, in the engine with weights of 4 bits: the
 * weights of outliers have 8. Infinity if the model does not fit even without.
 */
export async function fittingOutliers(weights: EncoderWeights, tokenizer_bytes: number): Promise<number> {
  const { layers_stored } = weights.config;
  const { hidden: H, intermediate: F, attention: Q } = widthsOf(weights.config, 4);
  const none = Array.from({ length: layers_stored }, () =>
    forInputs(() => ({ range: new Float32Array(), outliers: [] })),
  );
  const { engine } = await needsOf(weights, tokenizer_bytes, 4, none);
  const room = engine.maxHeapBytes - engine.heapBytes;
  const added = layers_stored * (4 * H * Q + 2 * H * F) * (1 - 1 / 2 - 1 / STEP_INPUTS);
  return room >= 0 ? room / added : Infinity;
}

/** The kernels allocate their memory from the header alone, for the longest text, and never grow it. */
async function engineHeap(blob: Uint8Array): Promise<number> {
  const { exports } = new WebAssembly.Instance(await kernelModule('relaxed'));
  const { memory, blobStart, prepare } = exports as {
    memory: WebAssembly.Memory;
    blobStart: () => number;
    prepare: () => number;
  };
  const pages = Math.ceil((blobStart() + blob.length - memory.buffer.byteLength) / 65_536);
  if (pages > 0) memory.grow(pages);
  // The header, and the table of sections after it.
  new Uint8Array(memory.buffer).set(blob.subarray(0, MAX_HEADER_BYTES), blobStart());
  if (!prepare()) throw new Error('there is not enough memory to try it');
  return memory.buffer.byteLength;
}

function reckonOnnxruntime({ config, embeddings }: EncoderWeights, engineBytes: number) {
  const { hidden_size: H, embedding_size: E } = config;
  // The two matrices at the ends are float32.
  const fileBytes = engineBytes + 3 * H * E * (embeddings.projection ? 2 : 1);
  return { fileBytes, heapBytes: wasmBytes('model.onnx', fileBytes, config) };
}
