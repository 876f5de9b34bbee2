/** The `Server-Timing` header (W3C Server Timing): where the work of an answer went. No I/O. */
import type { Work } from '../predict/work.ts';

export function serverTiming({ texts, tokens, masks, load_ms, infer_ms }: Work): string {
  const load = `load;dur=${round(load_ms)}`;
  const tokenize = `tokenize;desc="texts=${texts}"`;
  const infer = `infer;desc="tokens=${tokens} masks=${masks}"`;
  return [load, tokenize, infer_ms > 0 ? `${infer};dur=${round(infer_ms)}` : infer].join(', ');
}

const round = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
