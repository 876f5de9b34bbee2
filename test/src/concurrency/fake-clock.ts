/** A clock whose time passes only while all tasks sleep. */
import type { Clock } from '../../../src/concurrency/clock.ts';

export class FakeClock implements Clock {
  #now = 0;
  #sleepers: { readonly until: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ until: this.#now + milliseconds, wake }));
  }

  /** Lets time pass, one sleeper at a time, until this much has passed or no task sleeps. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      // Lets all running tasks continue until they sleep.
      for (let i = 0; i < 50; i++) await Promise.resolve();
      const next = this.#sleepers.toSorted((a, b) => a.until - b.until)[0];
      if (!next || next.until > end) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.#now = next.until;
      next.wake();
    }
    this.#now = end;
  }
}
