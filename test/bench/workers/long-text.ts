/** Encodes a long text as a process of its own: `node long-text.ts <checkout> <folder of a tokenizer> <part>`. Prints JSON. */
import { join } from 'node:path';

/** In ms of CPU, and MB. */
export interface LongTextTimes {
  readonly first: number;
  readonly best: number;
  /** Before the first run. */
  readonly created_heap: number;
  /** Since the process was started. */
  readonly begun: number;
  readonly heap: number;
  readonly answer: string;
}

const LENGTH = 32_700;
const TOKENS = 512;
const RUNS = 7;

const [checkout = '', folder = '', part = ''] = process.argv.slice(2);
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
const text = `${part.repeat(Math.ceil(LENGTH / part.length)).slice(0, LENGTH)} ${mask}`;
const masked = findMasks?.(text, mask);
const encode = tokenizer.encodeIds ?? tokenizer.encode;

function answer(): string {
  try {
    const encoding = encode(masked);
    const tokens = encoding.input_ids.length;
    if (tokens > TOKENS) cutAroundMasks?.(encoding, TOKENS);
    return `${tokens} tokens`;
  } catch {
    return 'refused';
  }
}

const heapUsed = () => process.memoryUsage().heapUsed / 1e6;
(globalThis as { gc: () => void }).gc();
const created_heap = heapUsed();
const begun = performance.now();
const times: number[] = [];
let heap = created_heap;
let said = '';
for (let run = 0; run < RUNS; run++) {
  const before = process.cpuUsage();
  said = answer();
  const { user, system } = process.cpuUsage(before);
  times.push((user + system) / 1000);
  heap = Math.max(heap, heapUsed());
}
const found: LongTextTimes = {
  first: times[0] ?? 0,
  best: Math.min(...times),
  created_heap,
  begun,
  heap,
  answer: said,
};
console.log(JSON.stringify(found));
