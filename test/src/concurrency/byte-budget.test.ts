import { expect, it } from 'vitest';

import { ByteBudget, nothingHeld } from '../../../src/concurrency/byte-budget.ts';
import { FakeClock } from './fake-clock.ts';

it('admits bytes up to its maximum, and those that were released', () => {
  const budget = new ByteBudget(100, 1_000, new FakeClock());
  const [first, second] = [nothingHeld(), nothingHeld()];
  expect(budget.hold(first, 60)).toBe(true);
  expect(budget.hold(second, 41)).toBe(false);
  expect(budget.hold(second, 40)).toBe(true);
  expect(budget.bytes).toBe(100);
  budget.release(first);
  budget.release(first);
  expect(budget.bytes).toBe(40);
});

it('holds nothing for a request that was released, whatever arrives later', () => {
  const budget = new ByteBudget(100, 1_000, new FakeClock());
  const late = nothingHeld();
  budget.hold(late, 50);
  budget.release(late);
  expect(budget.hold(late, 60)).toBe(false);
  expect(budget.bytes).toBe(0);
});

it('lets a request hold more or less, and keeps what it had when more is refused', () => {
  const budget = new ByteBudget(100, 1_000, new FakeClock());
  const [first, second] = [nothingHeld(), nothingHeld()];
  budget.hold(first, 50);
  budget.hold(second, 30);
  expect(budget.hold(first, 71)).toBe(false);
  expect(budget.bytes).toBe(80);
  expect(budget.hold(first, 70)).toBe(true);
  expect(budget.hold(first, 10)).toBe(true);
  expect(budget.bytes).toBe(40);
});

it('admits one that is alone, whatever its size, and then nobody', () => {
  const budget = new ByteBudget(100, 1_000, new FakeClock());
  expect(budget.hold(nothingHeld(), 101)).toBe(true);
  expect(budget.hold(nothingHeld(), 1)).toBe(false);
});

it('forgets a request that makes no progress for longer than its lease, until it does', async () => {
  const clock = new FakeClock();
  const budget = new ByteBudget(100, 1_000, clock);
  const [slow, dead, other] = [nothingHeld(), nothingHeld(), nothingHeld()];
  budget.hold(slow, 50);
  budget.hold(dead, 50);
  await clock.pass(1_000);
  budget.hold(slow, 50);
  expect(budget.hold(other, 50)).toBe(false);
  await clock.pass(1);
  expect(budget.bytes).toBe(50);
  expect(budget.hold(other, 50)).toBe(true);
  // The memory is held after all: it counts again, and nothing else is admitted.
  expect(budget.hold(dead, 50)).toBe(true);
  expect(budget.bytes).toBe(150);
  budget.release(other);
  expect(budget.hold(nothingHeld(), 1)).toBe(false);
});
