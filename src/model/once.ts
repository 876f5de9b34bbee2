/** Something dear that an isolate makes once. No I/O of its own. */

/**
 * Shares one call of `make` among all who ask while it is under way and keeps what it resolves to. A failure is
 * forgotten, so that the next one to ask tries again.
 */
export function once<Arguments extends unknown[], T>(
  make: (...given: Arguments) => Promise<T>,
): (...given: Arguments) => Promise<T> {
  let made: Promise<T> | undefined;
  return (...given) => {
    made ??= make(...given).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
