/**
 * Work that one request does and others wait for, as plain data. No I/O of its own.
 *
 * A promise that owns I/O belongs to the request that made it. When that request ends, the promise never settles, and whoever
 * awaits it hangs. So requests share no promises and no streams, only this record:
 *
 * - The leader does the work in its own request, and calls `beat` whenever it makes progress.
 * - Followers look at the record with timers of their own. They share the outcome, a value or an error, as data.
 * - A leader that has made no progress for the length of the lease counts as dead. A follower then takes over.
 *
 * See docs/decisions/shared-state.md.
 */
import type { Clock } from './clock.ts';

export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

export interface Flight<T> {
  /** When the leader last made progress, in milliseconds. */
  beat: number;
  outcome?: Outcome<T>;
}

/** The first and the longest pause between two looks, in milliseconds. */
const PAUSE_MS = { first: 1, longest: 16 };

export function isAlive({ beat }: Flight<unknown>, lease_ms: number, clock: Clock): boolean {
  return clock.now() - beat <= lease_ms;
}

/**
 * @param look is called at each look. What it throws ends the wait
 * @returns the outcome, or undefined when the leader's lease has run out
 */
export async function follow<T>(
  flight: Flight<T>,
  lease_ms: number,
  clock: Clock,
  look: () => void = () => undefined,
): Promise<Outcome<T> | undefined> {
  for (let pause = PAUSE_MS.first; !flight.outcome; pause = Math.min(2 * pause, PAUSE_MS.longest)) {
    look();
    if (!isAlive(flight, lease_ms, clock)) return undefined;
    await clock.sleep(pause);
  }
  return flight.outcome;
}
