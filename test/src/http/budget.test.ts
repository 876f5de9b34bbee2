/** The budgets of callers, with a limiter that only counts. */
import { describe, expect, it } from 'vitest';

import { Budget, Payer } from '../../../src/http/budget.ts';
import { EXPENSIVE_WORK as UNIT, MAX_ACCOUNTS, RATE_LIMIT_PERIOD_S, UNIT_LEASE_MS } from '../../../src/limits.ts';
import { FakeClock } from '../concurrency/fake-clock.ts';

const noBeat = () => undefined;

/** Allows as many units as it is told, each after a turn. */
function limiterOf(units: number) {
  const state = { left: units, asked: [] as string[] };
  const limit = async ({ key }: { readonly key: string }) => {
    state.asked.push(key);
    await Promise.resolve();
    return { success: state.left-- > 0 };
  };
  return { state, limit };
}

function payers(units: number, clock = new FakeClock()) {
  const budget = new Budget(clock);
  const limiter = limiterOf(units);
  const payer = (...keys: string[]) => new Payer(budget, limiter, keys);
  return { limiter, payer, asked: () => limiter.state.asked.length };
}

describe('a charge', () => {
  it.each([
    [0, 0],
    [1, 0],
    [UNIT - 1, 0],
    [UNIT, 1],
    [2 * UNIT - 1, 1],
    [2 * UNIT, 2],
    [7.5 * UNIT, 7],
  ])('of %i asks for %i units', async (work, units) => {
    const { payer, asked } = payers(10);
    expect(await payer('a').charge(work, noBeat)).toBe(true);
    expect(asked()).toBe(units);
  });

  it('below a unit is free until it adds up, and no other caller pays it', async () => {
    const { payer, asked } = payers(10);
    for (let i = 0; i < 9; i++) {
      expect(await payer('a').charge(UNIT / 10, noBeat)).toBe(true);
      payer('b').debit(UNIT / 20);
    }
    expect([asked(), payer('a').isDue, payer('b').isDue]).toEqual([0, false, false]);
    payer('a').debit(UNIT / 5);
    expect([payer('a').isDue, payer('b').isDue]).toEqual([true, false]);
    expect(await payer('a').settle()).toBe(true);
    expect([asked(), payer('a').isDue]).toEqual([1, false]);
  });

  it('that is refused leaves what it took to the next one of the same caller', async () => {
    const { payer, asked } = payers(5);
    expect(await payer('a').charge(8 * UNIT, noBeat)).toBe(false);
    expect([asked(), payer('a').isDue]).toEqual([6, false]);
    expect(await payer('b').charge(UNIT, noBeat)).toBe(false);
    expect(await payer('a').charge(3 * UNIT, noBeat)).toBe(true);
    expect(await payer('a').charge(2.5 * UNIT, noBeat)).toBe(true);
    expect(asked()).toBe(7);
    expect(await payer('a').charge(UNIT / 2, noBeat)).toBe(false);
  });

  it('that is refused again and again loses nothing, and keeps nothing beyond its period', async () => {
    const clock = new FakeClock();
    const { payer, limiter } = payers(5, clock);
    for (let i = 0; i < 3; i++) {
      expect(await payer('a').charge(8 * UNIT, noBeat)).toBe(false);
      await clock.pass(1000 * (RATE_LIMIT_PERIOD_S / 3) - 1);
    }
    expect(await payer('a').charge(5 * UNIT, noBeat)).toBe(true);
    limiter.state.left = 2;
    expect(await payer('a').charge(3 * UNIT, noBeat)).toBe(false);
    await clock.pass(1000 * RATE_LIMIT_PERIOD_S);
    expect(await payer('a').charge(UNIT, noBeat)).toBe(false);
  });

  it('of a request that has to stop, or that the platform fails, is given back', async () => {
    const { payer, asked, limiter } = payers(3);
    let beats = 0;
    const leaves = () => {
      if (++beats > 3) throw new Error('the client has left');
    };
    await expect(payer('a').charge(5 * UNIT, leaves)).rejects.toThrow('the client has left');
    expect(asked()).toBe(3);
    expect(await payer('a').charge(3 * UNIT, noBeat)).toBe(true);
    const failing = new Payer(new Budget(new FakeClock()), { limit: () => Promise.reject(new Error('down')) }, ['a']);
    await expect(failing.charge(UNIT, noBeat)).rejects.toThrow('down');
    expect(failing.isDue).toBe(false);
    expect(limiter.state.left).toBe(0);
  });

  it.each([20, 10, 5, 0])('at the same time as others loses and doubles nothing, of %i units', async (units) => {
    const { payer, asked, limiter } = payers(units);
    const charges = [3.5, 2.5, 4].map(async (work) => ((await payer('a').charge(work * UNIT, noBeat)) ? work : 0));
    const done = (await Promise.all(charges)).reduce((sum, work) => sum + work, 0);
    const given = units - Math.max(0, limiter.state.left);
    limiter.state.left = 0;
    const before = asked();
    // What is left is what was given less what was done, to the last bit.
    payer('a').debit((given - done + 1) * UNIT - 1);
    expect(payer('a').isDue).toBe(false);
    payer('a').debit(1);
    expect([payer('a').isDue, asked()]).toEqual([true, before]);
    expect(given).toBe(Math.min(units, 10));
  });
});

describe('what is owed', () => {
  it('and not paid refuses each request until it is paid, also in the next period', async () => {
    const clock = new FakeClock();
    const { payer, limiter } = payers(1, clock);
    payer('a').debit(3 * UNIT);
    expect(await Promise.all([payer('a').settle(), payer('a').settle()])).toContain(false);
    expect(await payer('a').settle()).toBe(false);
    await clock.pass(1000 * RATE_LIMIT_PERIOD_S);
    expect(payer('a').isDue).toBe(true);
    // While another request asks, each asks for itself: a refusal was the last answer.
    limiter.state.left = 0;
    expect(await Promise.all([payer('a').settle(), payer('a').settle()])).toEqual([false, false]);
    limiter.state.left = 2;
    expect(await payer('a').settle()).toBe(true);
    expect(payer('a').isDue).toBe(false);
  });

  it('is asked for once, unless the request that asks says nothing for the lease', async () => {
    const clock = new FakeClock();
    const budget = new Budget(clock);
    let asked = 0;
    const silent = { limit: () => (asked++, new Promise<never>(() => undefined)) };
    budget.debit('a', UNIT);
    void budget.settle(silent, 'a', noBeat);
    expect([asked, budget.isDue('a')]).toEqual([1, false]);
    await clock.pass(UNIT_LEASE_MS);
    expect(budget.isDue('a')).toBe(true);
  });

  it('is owed by each network of the caller', async () => {
    const { payer, limiter } = payers(10);
    payer('a', 'site').debit(0.6 * UNIT);
    expect(await payer('b', 'site').charge(0.6 * UNIT, noBeat)).toBe(true);
    expect(limiter.state.asked).toEqual(['site']);
    expect(await payer('b', 'site').charge(UNIT, noBeat)).toBe(true);
    expect(limiter.state.asked).toEqual(['site', 'b', 'site']);
  });

  it('is remembered for a bounded number of callers, the last ones', async () => {
    const { payer } = payers(0);
    for (let i = 0; i < MAX_ACCOUNTS; i++) payer(`caller ${i}`).debit(UNIT);
    payer('caller 0').debit(1);
    payer('another').debit(1);
    expect(['caller 0', 'caller 1', 'caller 2'].map((key) => payer(key).isDue)).toEqual([true, false, true]);
  });
});
