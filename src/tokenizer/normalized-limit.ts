/** The limit of what a normalizer makes of a text: as an error within the tokenizer, as a value outside of it. No I/O. */
import { fail, ok, type Result } from '../result.ts';

/** A normalizer makes a text longer than it may become. */
export class NormalizedTextTooLong extends Error {
  /** In UTF-16 code units. */
  readonly limit: number;

  constructor(limit: number) {
    super(`a text has more than ${limit} characters when it is normalized`);
    this.limit = limit;
  }
}

/**
 * @param encode calls a tokenizer
 * @returns the limit, if a text grows beyond it
 */
export function encodeWithinLimit<T>(encode: () => T): Result<T, number> {
  try {
    return ok(encode());
  } catch (error) {
    if (error instanceof NormalizedTextTooLong) return fail(error.limit);
    throw error;
  }
}
