/** One computation for all who ask the same at the same time. No I/O. */

import { withTimeout } from './with-timeout.ts';

/** Several things under way, each by its key. */
export class InFlight<T> {
  readonly #running = new Map<string, Promise<T>>();
  readonly #patience_ms: number;

  /** @param patience_ms how long anyone waits for what another began, before beginning it anew */
  constructor(patience_ms: number) {
    this.#patience_ms = patience_ms;
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * Waits for what others have begun and computes the rest, all of it at once; and also what others do not bring to an end.
   * @param compute gives a value for each of the keys, in order. It begins before this returns, and has to go on when the one
   *   who asked goes away
   * @returns a value for each key
   * @throws what `compute` throws; what others' computations throw is theirs
   */
  async share(keys: readonly string[], compute: (keys: readonly string[]) => Promise<readonly T[]>): Promise<T[]> {
    const found = new Map<string, T>();
    for (let missing = [...new Set(keys)]; missing.length > 0; missing = missing.filter((key) => !found.has(key))) {
      const others = missing.flatMap((key) => {
        const running = this.#running.get(key);
        return running ? [{ key, running }] : [];
      });
      const mine = missing.filter((key) => !this.#running.has(key));
      const computing = mine.length > 0 ? this.#lead(mine, compute) : undefined;
      await Promise.all(
        others.map(async ({ key, running }) => {
          const value = await this.#wait(key, running);
          if (value) found.set(key, value.value);
        }),
      );
      for (const [i, value] of ((await computing) ?? []).entries()) found.set(mine[i] ?? '', value);
    }
    return keys.map((key) => found.get(key) as T);
  }

  #lead(keys: readonly string[], compute: (keys: readonly string[]) => Promise<readonly T[]>): Promise<readonly T[]> {
    const computing = compute(keys);
    // It is looked at only after what others have begun.
    computing.catch(() => undefined);
    for (const [i, key] of keys.entries()) {
      const one = computing.then((values) => values[i] as T);
      this.#running.set(key, one);
      const end = () => this.#forget(key, one);
      one.then(end, end);
    }
    return computing;
  }

  /** @returns undefined when it failed or took too long; then it is not waited for again */
  async #wait(key: string, running: Promise<T>): Promise<{ value: T } | undefined> {
    const found = await withTimeout(this.#patience_ms, running);
    if (!found) this.#forget(key, running);
    return found;
  }

  #forget(key: string, running: Promise<T>): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
  }
}
