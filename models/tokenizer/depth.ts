/** Bounds the nesting of JSON before it is read, compared and written level by level. No I/O. */

/** Published files have seven levels. */
const MAX_DEPTH = 64;

/** @throws for JSON that is nested more deeply */
export function checkDepth(json: unknown): void {
  let level = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new Error(`tokenizer.json: it is nested more than ${MAX_DEPTH} levels deep`);
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
}
