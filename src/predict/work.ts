/** Counters of the work behind a response. No I/O. */

/** What was computed, not what a cache answered. */
export interface Work {
  texts: number;
  tokens: number;
  masks: number;
  /** Milliseconds. In production, clocks stand still while a worker computes: `infer_ms` is 0 there, and the counts tell. */
  load_ms: number;
  infer_ms: number;
}

export const noWork = (): Work => ({ texts: 0, tokens: 0, masks: 0, load_ms: 0, infer_ms: 0 });
