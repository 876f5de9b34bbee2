import { describe, expect, it, vi } from 'vitest';

import { type Job, RunQueue, type Yield } from '../../../src/concurrency/run-queue.ts';
import { FakeClock } from './fake-clock.ts';

const OPTIONS = { max_work: 100, slice: 10, lease_ms: 1_000, patience_ms: 500 };
const noBeat = () => undefined;

function admitted(queue: RunQueue, work: number): Job {
  const job = queue.admit('a', work);
  if (!job) throw new Error('was not admitted');
  return job;
}

/** A job of turns of `turn` units of work, each of which takes as many milliseconds. */
async function runAll(queue: RunQueue, clock: FakeClock, work: number, turn: number, log: string[], name: string) {
  const job = admitted(queue, work);
  for (let left = work; left > 0; left -= turn) {
    await queue.turn(job, turn, noBeat, async () => {
      log.push(name);
      await clock.sleep(turn);
    });
  }
  queue.end(job);
}

/** Jobs that come one after the other while another one runs, and the order in which their turns come. */
async function orderOf(jobs: readonly { name: string; work: number; after_ms?: number }[], busy_ms: number) {
  const clock = new FakeClock();
  const queue = new RunQueue({ ...OPTIONS, max_work: 1_000 }, clock);
  // Times are not counted from 0.
  await clock.pass(1_000);
  const order: string[] = [];
  const one = (name: string, work: number, takes_ms: number) => {
    const job = admitted(queue, work);
    return queue
      .turn(job, work, noBeat, async () => {
        order.push(name);
        // In steps, as progress.
        for (let left = takes_ms; left > 0; left -= 50) {
          await clock.sleep(Math.min(50, left));
          job.beat = clock.now();
        }
      })
      .then(() => queue.end(job));
  };
  const all = [one('busy', 1, busy_ms)];
  for (const { name, work, after_ms = 0 } of jobs) {
    await clock.pass(after_ms);
    all.push(one(name, work, 20));
  }
  await clock.pass(10_000);
  await Promise.all(all);
  return order.slice(1);
}

describe('the run queue', () => {
  it('admits work up to its bound, and any job that is alone', () => {
    const queue = new RunQueue(OPTIONS, new FakeClock());
    const alone = admitted(queue, 1_000);
    expect(queue.admit('a', 1)).toBeUndefined();
    queue.end(alone);
    admitted(queue, 60);
    expect(queue.admit('a', 41)).toBeUndefined();
    admitted(queue, 40);
    expect(queue.work).toBe(100);
  });

  it('forgets a job that makes no progress', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    admitted(queue, 100);
    expect(queue.admit('a', 50)).toBeUndefined();
    await clock.pass(1_001);
    expect(queue.work).toBe(0);
    admitted(queue, 50);
  });

  it('tells which models jobs wait for, as long as these make progress', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 10);
    expect([queue.awaits('a'), queue.awaits('b')]).toEqual([true, false]);
    queue.end(job);
    expect(queue.awaits('a')).toBe(false);
    admitted(queue, 10);
    await clock.pass(1_001);
    expect(queue.awaits('a')).toBe(false);
  });

  it('never runs two turns at once', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    let running = 0;
    const jobs = Array.from({ length: 5 }, async () => {
      const job = admitted(queue, 20);
      for (let i = 0; i < 4; i++) {
        await queue.turn(job, 5, noBeat, async (pause) => {
          expect(running++).toBe(0);
          await pause(5);
          await clock.sleep(3);
          running--;
        });
      }
      queue.end(job);
    });
    await clock.pass(5_000);
    await Promise.all(jobs);
    expect(queue.work).toBe(0);
  });

  it('lets short work go before long work that is under way', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const log: string[] = [];
    const long = runAll(queue, clock, 80, 10, log, 'long');
    await clock.pass(15);
    const short = runAll(queue, clock, 5, 5, log, 'short');
    await clock.pass(2_000);
    await Promise.all([long, short]);
    expect(log.indexOf('short')).toBeGreaterThan(0);
    expect(log.indexOf('short')).toBeLessThan(4);
    expect(log).toHaveLength(9);
  });

  it('lets long work go on when it has waited for its patience, however much short work comes', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const log: string[] = [];
    const ended = new AbortController();
    const long = runAll(queue, clock, 20, 10, log, 'long').finally(() => ended.abort());
    const shorts: Promise<void>[] = [];
    for (let i = 0; i < 400 && !ended.signal.aborted; i++) {
      if (queue.work < 60) shorts.push(runAll(queue, clock, 9, 9, log, 'short'));
      await clock.pass(5);
    }
    expect(ended.signal.aborted).toBe(true);
    await clock.pass(2_000);
    await Promise.all([long, ...shorts]);
  });

  it('yields within a long turn, and not within a short one', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 100);
    let yields = 0;
    const beat = () => {
      yields++;
    };
    await queue.turn(job, 4, beat, async (pause) => {
      await pause(2);
      await pause(2);
    });
    expect(yields).toBe(0);
    const turn = queue.turn(job, 40, beat, async (pause) => {
      for (let i = 0; i < 4; i++) await pause(10);
    });
    await clock.pass(100);
    await turn;
    expect(yields).toBe(4);
  });

  it('gives the model to the next job when the holder dies, and makes the holder start over when it comes back', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    let [begun, running, most] = [0, 0, 0];
    /** Longer than a lease, with progress. */
    const work = async (pause: Yield) => {
      most = Math.max(most, ++running);
      for (let i = 0; i < 4; i++) {
        await clock.sleep(400);
        await pause(OPTIONS.slice);
      }
      running--;
    };
    const slow = admitted(queue, 50);
    const coming = queue.turn(slow, 50, noBeat, async (pause) => {
      // The first time it takes longer than its lease between two steps.
      if (begun++ === 0) {
        await clock.sleep(OPTIONS.lease_ms + 500);
        await pause(20);
      }
      await work(pause);
      return 'done';
    });
    await clock.pass(100);
    const next = admitted(queue, 10);
    const other = queue.turn(next, 10, noBeat, work).then(() => queue.end(next));
    await clock.pass(OPTIONS.lease_ms - 100);
    expect(running).toBe(0);
    await clock.pass(100);
    expect(running).toBe(1);
    await clock.pass(20_000);
    await other;
    expect(await coming).toBe('done');
    expect([begun, most]).toEqual([2, 1]);
  });

  it('leaves the model to the job that took over when the holder fails late', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const coming = queue
      .turn(admitted(queue, 1), 1, noBeat, async () => {
        await clock.sleep(OPTIONS.lease_ms + 500);
        throw new Error('late');
      })
      .catch((error: Error) => error.message);
    await clock.pass(100);
    let running = 0;
    const turn = () =>
      queue.turn(admitted(queue, 1), 1, noBeat, async () => {
        running++;
        await clock.sleep(900);
        running--;
      });
    const others = [turn(), turn()];
    await clock.pass(OPTIONS.lease_ms + 450);
    expect(await coming).toBe('late');
    expect(running).toBe(1);
    await clock.pass(5_000);
    await Promise.all(others);
  });

  it('takes the shortest of the jobs that wait, and of equal ones the first', async () => {
    const jobs = [
      { name: 'long', work: 80 },
      { name: 'first', work: 5, after_ms: 10 },
      { name: 'second', work: 5, after_ms: 10 },
    ];
    expect(await orderOf(jobs, 100)).toEqual(['first', 'second', 'long']);
  });

  it('takes a job that has waited longer than its patience first, and of several the one that has waited longest', async () => {
    const oldest = { name: 'oldest', work: 80 };
    const old = { name: 'old', work: 40, after_ms: 50 };
    const short = { name: 'short', work: 5, after_ms: OPTIONS.patience_ms };
    expect(await orderOf([oldest, old, short], 600)).toEqual(['oldest', 'old', 'short']);
    // Its patience is not over yet.
    expect(await orderOf([oldest, { ...short, after_ms: 10 }], OPTIONS.patience_ms - 20)).toEqual(['short', 'oldest']);
  });

  it('passes over a job that waits and does not look any more, since its client has left', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const gone = admitted(queue, 1);
    gone.waiting = 0;
    await clock.pass(1);
    const job = admitted(queue, 50);
    let isDone = false;
    const turn = queue.turn(job, 50, noBeat, async () => {
      isDone = true;
    });
    // It may look again within 200 ms.
    await clock.pass(199);
    expect(isDone).toBe(false);
    await clock.pass(8);
    expect(isDone).toBe(true);
    await turn;
  });

  it('counts what a run does not count itself, and yields before the turn that follows a whole slice', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 30);
    let yields = 0;
    const beat = () => {
      yields++;
    };
    const turn = async (counted: number) => {
      const ended = queue.turn(job, 5, beat, async (pause) => pause(counted));
      await clock.pass(10);
      await ended;
      return yields;
    };
    // A slice is 10: 5 are not enough, and no more than what was done counts.
    expect([await turn(0), await turn(0), await turn(9)]).toEqual([0, 0, 1]);
    expect(queue.work).toBe(15);
    await turn(0);
    expect(job.unyielded).toBe(5 + 9);
  });

  it('does not let equal jobs wait for one another', async () => {
    const jobs = [
      { name: 'first', work: 5 },
      { name: 'second', work: 5 },
    ];
    expect(await orderOf(jobs, 100)).toHaveLength(2);
    // Nor when both have waited for too long.
    expect(await orderOf(jobs, 600)).toHaveLength(2);
  });

  it('takes the one of two equal jobs that waits for longer, whichever looks first', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const order: string[] = [];
    const [busy, second, first] = [admitted(queue, 1), admitted(queue, 5), admitted(queue, 5)];
    const turn = (name: string, job: Job) =>
      queue.turn(job, 5, noBeat, async () => {
        order.push(name);
      });
    // They look at 105 and at 99 ms.
    const turns = [queue.turn(busy, 1, noBeat, async () => clock.sleep(98))];
    await clock.pass(10);
    turns.push(turn('first', first));
    await clock.pass(2);
    turns.push(turn('second', second));
    await clock.pass(500);
    await Promise.all(turns);
    expect(order).toEqual(['first', 'second']);
  });

  it('does not wait for a job between two of its turns', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const idle = admitted(queue, 20);
    const ended = queue.turn(idle, 1, noBeat, async () => clock.sleep(50));
    let isDone = false;
    const other = queue.turn(admitted(queue, 60), 60, noBeat, async () => {
      isDone = true;
    });
    await clock.pass(60);
    expect(isDone).toBe(true);
    await Promise.all([ended, other]);
  });

  it('looks in pauses that grow to 8 ms', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const busy = queue.turn(admitted(queue, 1), 1, noBeat, async () => clock.sleep(40));
    await clock.pass(0);
    const sleep = vi.spyOn(clock, 'sleep');
    const waiting = queue.turn(admitted(queue, 1), 1, noBeat, () => Promise.resolve());
    await clock.pass(100);
    await Promise.all([busy, waiting]);
    expect(sleep.mock.calls.flat()).toEqual([1, 2, 4, 8, 8, 8, 8, 8]);
  });

  it('leaves the model to a holder that computed for longer than its lease and yields', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    let begun = 0;
    const turn = queue.turn(admitted(queue, 20), 20, noBeat, async (pause) => {
      begun++;
      await clock.sleep(10);
      clock.compute(OPTIONS.lease_ms + 500);
      await pause(OPTIONS.slice);
    });
    const other = queue.turn(admitted(queue, 1), 1, noBeat, () => Promise.resolve());
    await clock.pass(5_000);
    await Promise.all([turn, other]);
    expect(begun).toBe(1);
  });

  it('counts no work below zero', async () => {
    const queue = new RunQueue(OPTIONS, new FakeClock());
    await queue.turn(admitted(queue, 5), 8, noBeat, () => Promise.resolve());
    expect(queue.work).toBe(0);
  });

  it('keeps a job and its turn to the end of the lease', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    await clock.pass(100);
    void queue.turn(admitted(queue, 10), 10, noBeat, () => new Promise(() => undefined));
    await clock.pass(OPTIONS.lease_ms);
    expect(queue.work).toBe(10);
    let isTaken = false;
    void queue.turn(admitted(queue, 5), 5, noBeat, async () => {
      isTaken = true;
    });
    await clock.pass(0);
    expect(isTaken).toBe(false);
    await clock.pass(2);
    expect(queue.work).toBe(0);
    expect(isTaken).toBe(true);
  });

  it('gives a job that comes back after its lease its place again', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 10);
    await clock.pass(OPTIONS.lease_ms + 1);
    expect(queue.work).toBe(0);
    await queue.turn(job, 4, noBeat, () => Promise.resolve());
    expect(queue.work).toBe(6);
  });

  it('frees the model when a run throws', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 5);
    await expect(queue.turn(job, 5, noBeat, () => Promise.reject(new Error('trap')))).rejects.toThrow('trap');
    expect(await queue.turn(job, 5, noBeat, () => Promise.resolve('next'))).toBe('next');
  });
});
