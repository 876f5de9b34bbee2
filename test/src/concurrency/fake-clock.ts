/** A clock whose time passes only while all tasks sleep. */
import type { Clock } from '../../../src/concurrency/clock.ts';

/** More tasks than that wake up in no test: they wait for what never comes, and the event loop with them. */
const MAX_WAKES = 50_000;

export class FakeClock implements Clock {
  #now = 0;
  #sleepers: { readonly until: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ until: this.#now + milliseconds, wake }));
  }

  /** Time passes and nobody can wake up, as while a worker computes. */
  compute(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass, one sleeper at a time, until this much has passed or no task sleeps. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (let wakes = 0; ; wakes++) {
      if (wakes > MAX_WAKES) throw new Error(`tasks sleep ${wakes} times, and ${end - this.#now} ms are left`);
      // Lets all running tasks continue until they sleep.
      for (let i = 0; i < 50; i++) await Promise.resolve();
      const next = this.#sleepers.toSorted((a, b) => a.until - b.until)[0];
      if (!next || next.until > end) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.#now = Math.max(this.#now, next.until);
      next.wake();
    }
    this.#now = Math.max(this.#now, end);
  }
}
