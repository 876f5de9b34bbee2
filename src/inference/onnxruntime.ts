/**
 * `onnxruntime-web` behind the backend interface: the one importer of that package. No I/O.
 *
 * workerd does not compile WASM from bytes, and the package does not accept a ready `WebAssembly.Module`. So the module is handed in by
 * the entry file, and while the runtime starts `WebAssembly.instantiate` gives that module where bytes are asked for.
 */
import * as ort from 'onnxruntime-web/wasm';

import { CLOCK } from '../concurrency/clock.ts';
import { LOAD_LEASE_MS } from '../limits.ts';
import type { Backend, BackendKind, Encoding, Logits } from './backend.ts';

/**
 * @param runtime the compiled `ort-wasm-simd-threaded.wasm` of the same release as the package
 * @returns the kind of backend for graphs with the inputs `input_ids`, `token_type_ids` (sequence,) and
 *   `masked_positions` (masks,), all int32, and the outputs `logits` (masks, vocab_size) and, optionally, `sentence_logits` (2,)
 */
export function onnxruntime(runtime: WebAssembly.Module): BackendKind {
  return {
    description: {
      name: 'onnxruntime-web',
      build: ort.env.versions.web ?? 'unknown',
      instruction_set: 'WebAssembly SIMD',
    },
    numerics: `onnxruntime-web ${ort.env.versions.web ?? 'unknown'}`,
    file: 'model.onnx',
    async create(file) {
      const graph = new Uint8Array(file.size);
      let filled = 0;
      await file.read((piece) => {
        graph.set(piece, filled);
        filled += piece.length;
      });
      await file.verify(graph);
      try {
        return new OnnxruntimeBackend(await startSession(runtime, graph));
      } finally {
        // The session has a copy. Otherwise models that take turns would leave several graphs to the garbage collector.
        graph.buffer.transfer(0);
      }
    },
  };
}

class OnnxruntimeBackend implements Backend {
  readonly #session: ort.InferenceSession;

  constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  /**
   * One text at a time: nothing is padded, so a text's logits do not depend on the batch. Runs must not overlap, since the
   * package keeps its arguments on the WASM stack across an await and restores the stack pointer at the end.
   */
  async run(batch: readonly Encoding[]): Promise<Logits[]> {
    const answers: Logits[] = [];
    for (const encoding of batch) {
      const sequence = [encoding.input_ids.length];
      const masks = encoding.masked_positions.length;
      // An int8 graph cannot run without a mask: then the logits of the first token are computed and dropped.
      const asked = masks > 0 ? encoding.masked_positions : Int32Array.of(0);
      const output = await this.#session.run({
        input_ids: new ort.Tensor('int32', encoding.input_ids, sequence),
        token_type_ids: new ort.Tensor('int32', encoding.token_type_ids, sequence),
        masked_positions: new ort.Tensor('int32', asked, [asked.length]),
      });
      const mlm = masks > 0 ? floats(output, 'logits') : new Float32Array();
      const log_sum_exp = Float64Array.from({ length: masks }, (_, m) =>
        logSumExp(mlm.subarray((m * mlm.length) / masks, ((m + 1) * mlm.length) / masks)),
      );
      answers.push({ mlm, log_sum_exp, sentence: floats(output, 'sentence_logits') });
    }
    return answers;
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}

function floats(output: ort.InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = output[name]?.data;
  if (data === undefined) return new Float32Array();
  if (!(data instanceof Float32Array)) throw new Error(`the graph's output ${name} is not float32`);
  return data;
}

function logSumExp(logits: Float32Array): number {
  let largest = -Infinity;
  for (let id = 0; id < logits.length; id++) largest = Math.max(largest, logits[id]!);
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - largest);
  return largest + Math.log(sum);
}

/** Until when the request that starts a session counts as alive; 0 if none is started. Requests share no promise. */
let startingUntil = 0;
const START_PAUSE_MS = 5;

const { instantiate } = WebAssembly;

/**
 * A session outside the backend interface, for a graph with other outputs. One is started at a time, since the package and
 * `WebAssembly.instantiate` are shared: the next one waits.
 */
export async function startSession(runtime: WebAssembly.Module, graph: Uint8Array): Promise<ort.InferenceSession> {
  while (CLOCK.now() < startingUntil) await CLOCK.sleep(START_PAUSE_MS);
  const mine = CLOCK.now() + LOAD_LEASE_MS;
  startingUntil = mine;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = new ArrayBuffer(8); // Never looked at: the module below takes its place.
  ort.env.logLevel = 'error';

  const replaced = async (_bytes: unknown, imports?: WebAssembly.Imports) => ({
    module: runtime,
    instance: await instantiate(runtime, imports),
  });
  // The overloads of `instantiate` cannot be met by one arrow function.
  WebAssembly.instantiate = replaced as unknown as typeof WebAssembly.instantiate;
  try {
    return await ort.InferenceSession.create(graph, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'all',
    });
  } finally {
    // Unless it took so long that another one has begun.
    if (startingUntil === mine) {
      WebAssembly.instantiate = instantiate;
      startingUntil = 0;
    }
  }
}
