/** What waits: timers of a request, and what it does when they run out. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { CLOCK } from '../../../src/concurrency/clock.ts';
import { type Flight, follow, isAlive } from '../../../src/concurrency/flight.ts';
import { withTimeout } from '../../../src/concurrency/with-timeout.ts';
import { FakeClock } from './fake-clock.ts';

const LEASE_MS = 100;

describe('a flight', () => {
  it('lives for the length of its lease, and no longer', async () => {
    const clock = new FakeClock();
    const flight = { beat: 0 };
    await clock.pass(LEASE_MS);
    expect(isAlive(flight, LEASE_MS, clock)).toBe(true);
    await clock.pass(1);
    expect(isAlive(flight, LEASE_MS, clock)).toBe(false);
  });

  it('is looked at in pauses that grow to 16 ms', async () => {
    const clock = new FakeClock();
    const sleep = vi.spyOn(clock, 'sleep');
    const flight: Flight<string> = { beat: 0 };
    const followed = follow(flight, LEASE_MS, clock);
    await clock.pass(60);
    flight.outcome = { value: 'there' };
    await clock.pass(60);
    expect(await followed).toEqual({ value: 'there' });
    expect(sleep.mock.calls.flat()).toEqual([1, 2, 4, 8, 16, 16, 16]);
  });

  it('that has ended is not waited for, and one that is dead is given up', async () => {
    const clock = new FakeClock();
    expect(await follow({ beat: -LEASE_MS - 1, outcome: { value: 1 } }, LEASE_MS, clock)).toEqual({ value: 1 });
    expect(await follow({ beat: -LEASE_MS - 1 }, LEASE_MS, clock)).toBeUndefined();
  });
});

describe('timers', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 5_000 }));
  afterEach(() => void vi.useRealTimers());

  it('of the clock wake after as many milliseconds', async () => {
    let isAwake = false;
    void CLOCK.sleep(20).then(() => (isAwake = true));
    await vi.advanceTimersByTimeAsync(19);
    expect([isAwake, CLOCK.now()]).toEqual([false, 5_019]);
    await vi.advanceTimersByTimeAsync(1);
    expect(isAwake).toBe(true);
  });

  it('end a wait, or are cleared when it ends', async () => {
    expect(await withTimeout(20, Promise.resolve('in time'))).toEqual({ value: 'in time' });
    expect(await withTimeout(20, Promise.reject(new Error('no')))).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
    const late = withTimeout(20, new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(20);
    expect(await late).toBeUndefined();
  });
});
