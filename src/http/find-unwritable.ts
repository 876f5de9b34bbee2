/** What JSON cannot hold, in a value that another worker passes. No I/O. */

/** No question has lists or objects that deep. */
const MAX_DEPTH = 50;

/**
 * JSON.stringify throws at some of these, and changes or drops the others without a word.
 * @returns the place and the kind of the first one, such as "parameters.top_k is a bigint"
 */
export function findUnwritable(value: unknown, place = '', within: readonly unknown[] = []): string | undefined {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean')
    return undefined;
  const where = place === '' ? 'The question' : place;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${where} is ${value}`;
  if (typeof value !== 'object') return `${where} is a ${typeof value}`;
  if (within.includes(value)) return `${where} contains itself`;
  if (within.length === MAX_DEPTH) return `${where} is more than ${MAX_DEPTH} levels deep`;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isList = Array.isArray(value);
  if (!isList && prototype !== Object.prototype && prototype !== null)
    return `${where} is neither a list nor a plain object`;
  for (const [key, inner] of Object.entries(value)) {
    const name = isList ? `${place}[${key}]` : place === '' ? key : `${place}.${key}`;
    const found = findUnwritable(inner, name, [...within, value]);
    if (found !== undefined) return found;
  }
  return undefined;
}
