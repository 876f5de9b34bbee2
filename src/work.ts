/** Counts of what an answer took. No I/O. */

/** What an answer took. In production clocks stand still while a worker computes: there, `infer_ms` is 0 and the counts speak. */
export interface Work {
  /** Of what had to be computed. */
  texts: number;
  tokens: number;
  masks: number;
  load_ms: number;
  infer_ms: number;
}

export const noWork = (): Work => ({ texts: 0, tokens: 0, masks: 0, load_ms: 0, infer_ms: 0 });
