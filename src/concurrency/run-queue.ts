/**
 * The queue before the model: one run at a time, in slices, so that long work does not block short work, and bounded, so that
 * too much work is rejected at once. No I/O of its own.
 *
 * Work is counted in multiply-adds, since clocks stand still while a worker computes. A job is the work of one request. It
 * takes the model for one turn after the other. Between turns, and within a long one, it yields by a timer of its own: then
 * other requests are answered. The one with the least work left is next, unless another has waited for too long.
 *
 * A request whose client has left is never resumed. Its lease runs out, and the next job takes the model over.
 */
import { CLOCK, type Clock } from './clock.ts';
import { emitEvent } from './events.ts';

export interface RunQueueOptions {
  /** Multiply-adds that may be admitted at once. A job that is alone is always admitted. */
  readonly max_work: number;
  /** Multiply-adds after which a job yields. */
  readonly slice: number;
  /** How long the holder of the model may make no progress. */
  readonly lease_ms: number;
  /** How long a job may wait before it goes before all shorter ones. */
  readonly patience_ms: number;
}

/** The work of one request. */
export interface Job {
  /** What it runs, so that this is not released while it waits. */
  readonly model: string;
  /** Multiply-adds left. */
  left: number;
  /** When it last made progress, or looked whether it is its turn. */
  beat: number;
  /** Since when it waits for its turn; undefined while it does not wait. */
  waiting: number | undefined;
  /** How long it has waited for its turns, in milliseconds. */
  waited_ms: number;
  /** Multiply-adds since it yielded last. */
  unyielded: number;
}

/** Lets other requests run after enough work. @returns undefined if there is no need to wait */
export type Yield = (work: number) => Promise<void> | undefined;

/** A waiting job that has not looked for this long is passed over; it is considered again when it looks. */
const LOOK_MS = 200;
const PAUSE_MS = { first: 1, longest: 8 };

/** Another job holds the model: the turn's work is lost, and it starts over. */
class TurnLost extends Error {
  override readonly name = 'TurnLost';
}

export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #clock: Clock;
  readonly #jobs = new Set<Job>();
  #holder: Job | undefined;

  constructor(options: RunQueueOptions, clock: Clock = CLOCK) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Multiply-adds that are admitted and not done. */
  get work(): number {
    return this.#alive().reduce((work, { left }) => work + left, 0);
  }

  /** Whether a job of this model is admitted and not done. */
  awaits(model: string): boolean {
    return this.#alive().some((job) => job.model === model);
  }

  #alive(): Job[] {
    const now = this.#clock.now();
    for (const job of this.#jobs) if (now - job.beat > this.#options.lease_ms) this.#jobs.delete(job);
    return [...this.#jobs];
  }

  /** @returns undefined when too much work is admitted already */
  admit(model: string, work: number): Job | undefined {
    const admitted = this.work;
    if (admitted > 0 && admitted + work > this.#options.max_work) return undefined;
    const job = { model, left: work, beat: this.#clock.now(), waiting: undefined, waited_ms: 0, unyielded: 0 };
    this.#jobs.add(job);
    return job;
  }

  end(job: Job): void {
    this.#jobs.delete(job);
  }

  /**
   * Runs when the job's turn has come.
   * @param beat is called whenever the job makes progress, or looks whether it is its turn
   * @param run may be called again, from the beginning, when it made no progress for the length of the lease
   */
  async turn<T>(job: Job, work: number, beat: () => void, run: (pause: Yield) => Promise<T>): Promise<T> {
    for (;;) {
      let counted = 0;
      const pause: Yield = (done) => {
        counted += done;
        job.unyielded += done;
        return job.unyielded < this.#options.slice ? undefined : this.#yield(job, beat);
      };
      if (job.unyielded >= this.#options.slice) await this.#sleep(job, beat, 0);
      await this.#acquire(job, beat);
      try {
        const result = await run(pause);
        job.left = Math.max(0, job.left - work);
        // What the run did not count itself, such as the reading of logits.
        job.unyielded += Math.max(0, work - counted);
        return result;
      } catch (error) {
        if (!(error instanceof TurnLost)) throw error;
      } finally {
        if (this.#holder === job) this.#holder = undefined;
      }
    }
  }

  async #acquire(job: Job, beat: () => void): Promise<void> {
    job.waiting ??= this.#clock.now();
    for (let pause = PAUSE_MS.first; !this.#isNext(job); pause = Math.min(2 * pause, PAUSE_MS.longest)) {
      await this.#sleep(job, beat, pause);
    }
    job.beat = this.#clock.now();
    job.waited_ms += job.beat - job.waiting;
    job.waiting = undefined;
    if (this.#holder) emitEvent({ event: 'lease_lost', of: 'run' });
    this.#jobs.add(job);
    this.#holder = job;
  }

  #isNext(job: Job): boolean {
    const now = this.#clock.now();
    job.beat = now;
    if (this.#holder && now - this.#holder.beat <= this.#options.lease_ms) return false;
    let next = job;
    for (const other of this.#jobs) {
      if (other.waiting !== undefined && now - other.beat <= LOOK_MS && this.#goesBefore(other, next, now))
        next = other;
    }
    return next === job;
  }

  #goesBefore(a: Job, b: Job, now: number): boolean {
    const [since, sinceOther] = [a.waiting ?? now, b.waiting ?? now];
    const [isLate, isOtherLate] = [
      now - since > this.#options.patience_ms,
      now - sinceOther > this.#options.patience_ms,
    ];
    if (isLate || isOtherLate) return isLate && (!isOtherLate || since < sinceOther);
    return a.left < b.left || (a.left === b.left && since < sinceOther);
  }

  async #yield(job: Job, beat: () => void): Promise<void> {
    await this.#sleep(job, beat, 0);
    if (this.#holder !== job) throw new TurnLost('another job has the model');
  }

  async #sleep(job: Job, beat: () => void, milliseconds: number): Promise<void> {
    job.unyielded = 0;
    job.beat = this.#clock.now();
    beat();
    await this.#clock.sleep(milliseconds);
    job.beat = this.#clock.now();
  }
}
