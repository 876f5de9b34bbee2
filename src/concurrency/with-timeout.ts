/** Waiting, but not for ever. No I/O. */

/** @returns what it becomes; undefined when it fails, or has not become anything after so long */
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
