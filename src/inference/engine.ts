/**
 * Our own engine behind the backend interface: everything around the kernels. Its memory holds the model file as it is in the
 * bucket, followed by the working space, laid out once. No I/O of its own.
 */
import type { Backend, BackendKind, Encoding, Logits, ModelBytes, Pause } from './backend.ts';
import { type ModelConfig, headerBytesOf, layerOrder, readHeader, widthsOf } from './efm-format.ts';

/** What `kernels/index.ts` exports. The globals are addresses of arrays, described where they are declared. */
interface Kernels {
  readonly memory: WebAssembly.Memory;
  readonly relaxedSimd: WebAssembly.Global;
  /** Which of two inner loops runs; the results are the same. */
  readonly fusedDot: WebAssembly.Global;
  blobStart(): number;
  prepare(): number;
  embed(texts: number): void;
  encode(layer: number, texts: number): void;
  encodeSelected(layer: number, texts: number): void;
  predict(first: number, count: number): void;
  classifyPair(row: number): void;
  readonly inputIds: WebAssembly.Global;
  readonly tokenTypeIds: WebAssembly.Global;
  readonly starts: WebAssembly.Global;
  readonly selection: WebAssembly.Global;
  readonly selectionStarts: WebAssembly.Global;
  readonly masked: WebAssembly.Global;
  readonly hidden: WebAssembly.Global;
  readonly logits: WebAssembly.Global;
  readonly logSumExpParts: WebAssembly.Global;
  readonly sentenceLogits: WebAssembly.Global;
}

/** Of both builds. Part of the cache keys: change it whenever any bit that the kernels compute changes. */
const NUMERICS = 'engine 3';

const PAGE_BYTES = 65_536;
/** How many masks the kernels decode together (LOGIT_ROWS). */
const MASKS_AT_ONCE = 8;
/** The keys of a text take a multiple of 8 slots. */
const slotsOf = ({ input_ids }: Encoding): number => Math.ceil(input_ids.length / 8) * 8;

/** @param module the kernels, compiled */
export function engine(module: WebAssembly.Module): BackendKind {
  const { relaxedSimd } = instantiate(module);
  return {
    description: {
      name: 'engine',
      build: relaxedSimd.value ? 'relaxed' : 'plain',
      instruction_set: relaxedSimd.value ? 'WebAssembly SIMD, relaxed SIMD' : 'WebAssembly SIMD',
    },
    numerics: NUMERICS,
    file: 'model.efm',
    create: (file) => loadEngine(module, file),
  };
}

const instantiate = (module: WebAssembly.Module): Kernels =>
  new WebAssembly.Instance(module).exports as unknown as Kernels;

/** Copies the file once, to where the kernels use it. The header is checked before memory grows for the rest. */
export async function loadEngine(module: WebAssembly.Module, file: ModelBytes): Promise<EngineBackend> {
  const kernels = instantiate(module);
  const { memory } = kernels;
  const start = kernels.blobStart();
  let head = new Uint8Array();
  let geometry: ModelConfig | undefined;
  let at = start;
  await file.read((piece) => {
    let next = piece;
    if (!geometry) {
      next = head = joined(head, piece);
      if (head.length < headerBytesOf(head)) return;
      geometry = readHeader(head, file.size);
      memory.grow(Math.ceil((start + file.size - memory.buffer.byteLength) / PAGE_BYTES));
    }
    new Uint8Array(memory.buffer).set(next, at);
    at += next.length;
  });
  geometry ??= readHeader(head, file.size);
  await file.verify(new Uint8Array(memory.buffer, start, file.size));
  if (!kernels.prepare()) throw new Error('the isolate lacks the memory for this model');
  return new EngineBackend(kernels, geometry);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

export class EngineBackend implements Backend {
  readonly kernels: Kernels;
  readonly geometry: ModelConfig;
  readonly architecture: Readonly<Record<string, unknown>>;
  readonly #capacity: number;
  /** Which stored layer is applied when. */
  readonly #layers: readonly number[];

  constructor(kernels: Kernels, geometry: ModelConfig) {
    this.kernels = kernels;
    this.geometry = geometry;
    this.architecture = { ...geometry };
    this.#layers = layerOrder(geometry);
    this.#capacity = Math.ceil(geometry.max_position_embeddings / 8) * 8;
  }

  /** Packs as many texts into a run as fit. A text's result does not depend on the rest of the batch. */
  async run(batch: readonly Encoding[], pause?: Pause): Promise<Logits[]> {
    const answers: Logits[] = [];
    let group: Encoding[] = [];
    let taken = 0;
    for (const encoding of batch) {
      const slots = slotsOf(encoding);
      if (taken + slots > this.#capacity) {
        answers.push(...(await this.#runGroup(group, pause)));
        group = [];
        taken = 0;
      }
      group.push(encoding);
      taken += slots;
    }
    answers.push(...(await this.#runGroup(group, pause)));
    return answers;
  }

  async #runGroup(texts: readonly Encoding[], pause?: Pause): Promise<Logits[]> {
    if (texts.length === 0) return [];
    const { kernels } = this;
    const perLayer = this.#layerWork(texts);
    this.write(texts);
    kernels.embed(texts.length);
    for (const layer of this.#layers.slice(0, -1)) {
      kernels.encode(layer, texts.length);
      await pause?.(perLayer);
    }
    const answers = this.#select(texts);
    kernels.encodeSelected(this.#layers.at(-1) ?? 0, texts.length);
    return this.#decode(answers, pause);
  }

  /** Multiply-adds of one layer. */
  #layerWork(texts: readonly Encoding[]): number {
    const { hidden: H, intermediate: F, attention: Q } = widthsOf(this.geometry, this.geometry.layer_bits);
    const perToken = 4 * H * Q + 2 * H * F;
    return texts.reduce((sum, { input_ids: { length } }) => sum + length * (perToken + 2 * length * Q), 0);
  }

  /** Writes ids, types and starts where `embed` reads them. */
  write(texts: readonly Encoding[]): void {
    const { memory, inputIds, tokenTypeIds, starts } = this.kernels;
    const total = texts.reduce((sum, { input_ids }) => sum + input_ids.length, 0);
    const ids = new Int32Array(memory.buffer, inputIds.value, total);
    const types = new Int32Array(memory.buffer, tokenTypeIds.value, total);
    const beginnings = new Int32Array(memory.buffer, starts.value, texts.length + 1);
    let row = 0;
    for (const [t, { input_ids, token_type_ids }] of texts.entries()) {
      beginnings[t] = row;
      ids.set(input_ids, row);
      types.set(token_type_ids, row);
      row += input_ids.length;
    }
    beginnings[texts.length] = row;
  }

  /**
   * Selects the rows that the heads read: of each text the first row for the sentence head, and the rows of its masks.
   * @returns for each text its place among the selected rows
   */
  #select(texts: readonly Encoding[]): { first: number; masks: number }[] {
    const { memory, selection, selectionStarts, masked } = this.kernels;
    const rows: number[] = [];
    const beginnings = [0];
    const ofMasks: number[] = [];
    let start = 0;
    const selected = texts.map(({ input_ids, masked_positions }) => {
      const first = rows.length;
      if (this.geometry.sentence) rows.push(start);
      for (const position of masked_positions) {
        if (this.geometry.sentence && position === 0) ofMasks.push(first);
        else ofMasks.push(rows.push(start + position) - 1);
      }
      beginnings.push(rows.length);
      start += input_ids.length;
      return { first, masks: masked_positions.length };
    });
    new Int32Array(memory.buffer, selection.value, rows.length).set(rows);
    new Int32Array(memory.buffer, selectionStarts.value, beginnings.length).set(beginnings);
    new Int32Array(memory.buffer, masked.value, ofMasks.length).set(ofMasks);
    return selected;
  }

  async #decode(selected: readonly { first: number; masks: number }[], pause?: Pause): Promise<Logits[]> {
    const { kernels, geometry } = this;
    const { vocab_size } = geometry;
    const width = Math.ceil(vocab_size / 8) * 8;
    const answers = selected.map(({ first, masks }) => {
      const sentence = new Float32Array(geometry.sentence ? 2 : 0);
      if (geometry.sentence) {
        kernels.classifyPair(first);
        sentence.set(new Float32Array(kernels.memory.buffer, kernels.sentenceLogits.value, 2));
      }
      return { mlm: new Float32Array(masks * vocab_size), log_sum_exp: new Float64Array(masks), sentence };
    });
    const places = answers.flatMap(({ mlm, log_sum_exp }) =>
      Array.from(log_sum_exp, (_, m) => ({ mlm: mlm.subarray(m * vocab_size, (m + 1) * vocab_size), log_sum_exp, m })),
    );
    for (let first = 0; first < places.length; first += MASKS_AT_ONCE) {
      const block = places.slice(first, first + MASKS_AT_ONCE);
      kernels.predict(first, block.length);
      const logSumExpParts = new Float64Array(kernels.memory.buffer, kernels.logSumExpParts.value, 2 * block.length);
      for (const [i, { mlm, log_sum_exp, m }] of block.entries()) {
        mlm.set(new Float32Array(kernels.memory.buffer, kernels.logits.value + 4 * i * width, vocab_size));
        log_sum_exp[m] = logSumExpParts[2 * i]! + Math.log(logSumExpParts[2 * i + 1]!);
      }
      await pause?.(block.length * geometry.embedding_size * vocab_size);
    }
    return answers;
  }
}
