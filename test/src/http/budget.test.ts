/** The budget for expensive work, with a limiter that only counts. */
import { describe, expect, it } from 'vitest';

import { Budget } from '../../../src/http/budget.ts';
import { MAX_CREDITS, RATE_LIMIT_PERIOD_S } from '../../../src/limits.ts';
import { FakeClock } from '../concurrency/fake-clock.ts';

const noBeat = () => undefined;

/** Allows as many units as it is told. */
function limiterOf(units: number) {
  const state = { left: units, asked: 0 };
  const limit = async () => {
    state.asked++;
    return { success: state.left-- > 0 };
  };
  return { state, limit };
}

describe('a charge', () => {
  it.each([0, 1, 2, 7])('of %i units asks for as many', async (units) => {
    const limiter = limiterOf(10);
    expect(await new Budget(new FakeClock()).charge(limiter, 'a', units, noBeat)).toBe(true);
    expect(limiter.state.asked).toBe(units);
  });

  it('that is refused leaves what it took to the next one of the same caller', async () => {
    const budget = new Budget(new FakeClock());
    const limiter = limiterOf(5);
    expect(await budget.charge(limiter, 'a', 8, noBeat)).toBe(false);
    expect(limiter.state.asked).toBe(6);
    expect(await budget.charge(limiter, 'b', 1, noBeat)).toBe(false);
    expect(await budget.charge(limiter, 'a', 3, noBeat)).toBe(true);
    expect(await budget.charge(limiter, 'a', 2, noBeat)).toBe(true);
    expect(limiter.state.asked).toBe(7);
    expect(await budget.charge(limiter, 'a', 1, noBeat)).toBe(false);
  });

  it('that is refused again and again loses nothing, and keeps nothing beyond its period', async () => {
    const clock = new FakeClock();
    const budget = new Budget(clock);
    const limiter = limiterOf(5);
    for (let i = 0; i < 3; i++) {
      expect(await budget.charge(limiter, 'a', 8, noBeat)).toBe(false);
      await clock.pass(1000 * (RATE_LIMIT_PERIOD_S / 3) - 1);
    }
    expect(await budget.charge(limiter, 'a', 5, noBeat)).toBe(true);
    budget.giveBack('a', 5);
    await clock.pass(1000 * RATE_LIMIT_PERIOD_S);
    expect(await budget.charge(limiter, 'a', 1, noBeat)).toBe(false);
  });

  it('of a request that has to stop is given back', async () => {
    const budget = new Budget(new FakeClock());
    const limiter = limiterOf(5);
    let beats = 0;
    const leaves = () => {
      if (++beats > 3) throw new Error('the client has left');
    };
    await expect(budget.charge(limiter, 'a', 5, leaves)).rejects.toThrow('the client has left');
    expect(limiter.state.asked).toBe(3);
    expect(await budget.charge(limiterOf(0), 'a', 3, noBeat)).toBe(true);
  });

  it('is remembered for a bounded number of callers', async () => {
    const budget = new Budget(new FakeClock());
    for (let i = 0; i <= MAX_CREDITS; i++) budget.giveBack(`caller ${i}`, 1);
    const none = limiterOf(0);
    expect(await budget.charge(none, 'caller 0', 1, noBeat)).toBe(false);
    expect(await budget.charge(none, 'caller 1', 1, noBeat)).toBe(true);
  });
});
