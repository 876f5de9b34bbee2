/** Something dear that an isolate makes once. No I/O of its own. */

export interface MemoizedAsync<Arguments extends unknown[], T> {
  /**
   * Shares one call of `make` among all who ask while it is under way and keeps what it resolves to. A failure is
   * forgotten, so that the next one to ask tries again.
   */
  (...given: Arguments): Promise<T>;
  /** Lets the next one to ask make another. */
  forget(): void;
}

export function memoizeAsync<Arguments extends unknown[], T>(
  make: (...given: Arguments) => Promise<T>,
): MemoizedAsync<Arguments, T> {
  let made: Promise<T> | undefined;
  const forget = () => {
    made = undefined;
  };
  const get = (...given: Arguments) => {
    made ??= make(...given).catch((error: unknown) => {
      forget();
      throw error;
    });
    return made;
  };
  return Object.assign(get, { forget });
}
