/** Computes equal concurrent questions once. No I/O of its own. */
import { emitEvent } from './events.ts';
import { CLOCK, type Clock } from './clock.ts';
import { type Flight, follow, isAlive } from './flight.ts';

/** A computation of several keys, and which of its values belongs to a key. */
interface Share<T> {
  readonly flight: Flight<readonly T[]>;
  readonly index: number;
}

export class InFlight<T> {
  readonly #running = new Map<string, Share<T>>();
  readonly #lease_ms: number;
  readonly #clock: Clock;

  /** @param lease_ms how long a leader may make no progress before another request takes over */
  constructor(lease_ms: number, clock: Clock = CLOCK) {
    this.#lease_ms = lease_ms;
    this.#clock = clock;
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * Computes the keys that nobody computes, all at once, and then waits for the others. Keys that others fail to compute are
   * computed here.
   * @param compute a value for each of the keys, in order; it must call `beat` whenever it makes progress
   * @param look is called while it waits for others. What it throws ends the wait
   * @returns a value for each key
   * @throws what `compute` and `look` throw; the errors of other requests are theirs
   */
  async share(
    keys: readonly string[],
    compute: (keys: readonly string[], beat: () => void) => Promise<readonly T[]>,
    look?: () => void,
  ): Promise<T[]> {
    const found = new Map<string, T>();
    for (let missing = [...new Set(keys)]; missing.length > 0; missing = missing.filter((key) => !found.has(key))) {
      const others = new Map<string, Share<T>>();
      const lost = new Set<object>();
      for (const key of missing) {
        const share = this.#running.get(key);
        if (!share) continue;
        if (isAlive(share.flight, this.#lease_ms, this.#clock)) others.set(key, share);
        else lost.add(share.flight);
      }
      for (const _ of lost) emitEvent({ event: 'lease_lost', of: 'answer' });
      // Own work first: its error must not wait for the work of strangers.
      const mine = missing.filter((key) => !others.has(key));
      if (mine.length > 0) {
        const values = await this.#lead(mine, compute);
        for (const [i, key] of mine.entries()) found.set(key, values[i] as T);
      }
      for (const [key, { flight, index }] of others) {
        const outcome = await follow(flight, this.#lease_ms, this.#clock, look);
        if (outcome && 'value' in outcome) found.set(key, outcome.value[index] as T);
      }
    }
    return keys.map((key) => found.get(key) as T);
  }

  async #lead(
    keys: readonly string[],
    compute: (keys: readonly string[], beat: () => void) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const flight: Flight<readonly T[]> = { beat: this.#clock.now() };
    for (const [index, key] of keys.entries()) this.#running.set(key, { flight, index });
    try {
      const value = await compute(keys, () => {
        flight.beat = this.#clock.now();
      });
      flight.outcome = { value };
      return value;
    } catch (error) {
      flight.outcome = { error };
      throw error;
    } finally {
      for (const key of keys) if (this.#running.get(key)?.flight === flight) this.#running.delete(key);
    }
  }
}
