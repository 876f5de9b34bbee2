/** Waiting, but not for ever. No I/O. */

/** @returns the value of the promise; undefined if it fails or does not settle in time */
export function withTimeout<T>(milliseconds: number, promise: Promise<T>): Promise<{ value: T } | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), milliseconds);
    const end = (found: { value: T } | undefined) => {
      clearTimeout(timer);
      resolve(found);
    };
    promise.then(
      (value) => end({ value }),
      () => end(undefined),
    );
  });
}
