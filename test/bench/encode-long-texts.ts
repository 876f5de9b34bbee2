/**
 * Encodes long texts as a process of its own: `node encode-long-texts.ts <checkout> <folder of a tokenizer> <JSON: [length, part][]>`. Prints
 * a line of JSON for each.
 */
import { join } from 'node:path';

/** In ms of CPU, and MB. */
export interface LongTextTimes {
  /** The least of the runs. */
  readonly best: number;
  /** Before the first run, and the most that was seen after one. */
  readonly heap_before: number;
  readonly heap: number;
  /** In ms since the process was started. */
  readonly begun: number;
  readonly ended: number;
  readonly answer: string;
}

const TOKENS = 512;
/** No more runs follow after this time. */
const ENOUGH_MS = 500;
const MAX_RUNS = 15;
/** The clock of `--trace-gc` differs from this process's by less. */
const BETWEEN_MS = 60;

const [checkout = '', folder = '', shapes = '[]'] = process.argv.slice(2);
/** From either version, which may lack it. */
const load = async (path: string) =>
  (await import(join(checkout, path)).catch(() => ({}))) as Partial<Record<string, (...given: unknown[]) => unknown>>;
const { readTokenizer } = await load('models/tokenizer/files.ts');
const { createTokenizer } = await load('src/tokenizer/create-tokenizer.ts');
const { findMasks } = await load('src/tokenizer/masks.ts');
const { cutAroundMasks } = await load('src/tokenizer/truncation.ts');

interface Encoded {
  readonly input_ids: Int32Array;
}
const { packed, special_tokens } = ((await readTokenizer?.(folder)) ?? {}) as {
  packed: Uint8Array;
  special_tokens: { mask: { token: string } };
};
const tokenizer = createTokenizer?.(packed, special_tokens) as {
  encode: (masked: unknown) => Encoded;
  encodeIds?: (masked: unknown) => Encoded;
};
const mask = special_tokens.mask.token;
const encode = tokenizer.encodeIds ?? tokenizer.encode;

function answer(masked: unknown): string {
  try {
    const encoding = encode(masked);
    const tokens = encoding.input_ids.length;
    if (tokens > TOKENS) cutAroundMasks?.(encoding, TOKENS);
    return `${tokens} tokens`;
  } catch (error) {
    if ((error as Error).constructor.name !== 'NormalizedTextTooLong') throw error;
    return 'refused';
  }
}

const heapUsed = () => process.memoryUsage().heapUsed / 1e6;
const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BETWEEN_MS);

for (const [length, part] of JSON.parse(shapes) as [number, string][]) {
  const masked = findMasks?.(`${part.repeat(Math.ceil(length / part.length)).slice(0, length)} ${mask}`, mask);
  globalThis.gc?.();
  wait();
  const heap_before = heapUsed();
  const begun = performance.now();
  let [best, heap, said] = [Infinity, heap_before, ''];
  for (let run = 0; run < MAX_RUNS && performance.now() - begun < ENOUGH_MS; run++) {
    const before = process.cpuUsage();
    said = answer(masked);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
    heap = Math.max(heap, heapUsed());
  }
  const times: LongTextTimes = { best, heap_before, heap, begun, ended: performance.now(), answer: said };
  wait();
  console.log(JSON.stringify(times));
}
