/** What the owner is told of leases. */
import { beforeEach, expect, it } from 'vitest';

import { type IsolateEvent, onEvent } from '../../../src/concurrency/events.ts';
import { InFlight } from '../../../src/concurrency/in-flight.ts';
import { RunQueue } from '../../../src/concurrency/run-queue.ts';
import { SharedValue } from '../../../src/concurrency/shared-value.ts';
import { FakeClock } from './fake-clock.ts';

const never = () => new Promise<never>(() => undefined);
const events: IsolateEvent[] = [];
beforeEach(() => {
  events.length = 0;
  onEvent((event) => void events.push(event));
});

it('a load whose leader died is an event, once, and one that goes well is none', async () => {
  const clock = new FakeClock();
  const value = new SharedValue<number>({ lease_ms: 1_000, pause_ms: 500 }, clock);
  void value.get(never);
  const asked = [value.get(() => Promise.resolve(7)), value.get(() => Promise.resolve(7))];
  await clock.pass(900);
  expect(events).toEqual([]);
  await clock.pass(300);
  expect(await Promise.all(asked)).toEqual([7, 7]);
  expect(events).toEqual([{ event: 'lease_lost', of: 'load' }]);
});

it('an answer whose leader died is an event', async () => {
  const clock = new FakeClock();
  const answers = new InFlight<number>(1_000, clock);
  void answers.share(['a'], never);
  await clock.pass(1_100);
  expect(await answers.share(['a'], () => Promise.resolve([1]))).toEqual([1]);
  expect(events).toEqual([{ event: 'lease_lost', of: 'answer' }]);
});

it('a run whose request has ended is an event, and the next one has waited', async () => {
  const clock = new FakeClock();
  const queue = new RunQueue({ max_work: 100, slice: 10, lease_ms: 1_000, patience_ms: 500 }, clock);
  const [dead, next] = [queue.admit('a', 10), queue.admit('a', 10)];
  if (!dead || !next) throw new Error('the queue is full');
  void queue.turn(dead, 10, () => undefined, never);
  const run = queue.turn(
    next,
    10,
    () => undefined,
    () => Promise.resolve('done'),
  );
  await clock.pass(1_200);
  expect(await run).toBe('done');
  expect(events).toEqual([{ event: 'lease_lost', of: 'run' }]);
  expect(next.waited_ms).toBeGreaterThanOrEqual(1_000);
  expect(dead.waited_ms).toBe(0);
});
