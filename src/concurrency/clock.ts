/** Time, so that tests can replace it. */

export interface Clock {
  /** Milliseconds. In production it stands still while a worker computes, and moves on I/O and timers. */
  now(): number;
  /** A timer of the request that calls it. */
  sleep(milliseconds: number): Promise<void>;
}

export const CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
