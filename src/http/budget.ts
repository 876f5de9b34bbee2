/** The budget for expensive work: units of a rate limit of the platform, which takes them one by one and gives none back. Does I/O. */
import { CLOCK, type Clock } from '../concurrency/clock.ts';
import { MAX_CREDITS, RATE_LIMIT_PERIOD_S } from '../limits.ts';

/** A rate limit of the platform. */
export interface Limiter {
  limit(of: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/** Units that a caller has taken and not used. */
interface Credit {
  readonly units: number;
  /** When the period ends in which they were taken. */
  readonly until: number;
}

/** What an isolate knows of the budgets of callers. */
export class Budget {
  /** By caller, the oldest first. */
  readonly #credits = new Map<string, Credit>();
  readonly #clock: Clock;

  constructor(clock: Clock = CLOCK) {
    this.#clock = clock;
  }

  /**
   * Takes the units, those first that were given back.
   * @param beat is called before each unit that the limiter is asked for. If it throws, all units are given back
   * @returns whether there were enough; otherwise all units are given back
   */
  async charge(limiter: Limiter, key: string, units: number, beat: () => void): Promise<boolean> {
    const credit = this.#take(key, units);
    let paid = credit.units;
    try {
      for (; paid < units; paid++) {
        beat();
        const { success } = await limiter.limit({ key });
        if (!success) return false;
      }
      return true;
    } finally {
      if (paid < units) this.giveBack(key, paid, credit.until);
    }
  }

  /** Keeps units for the next charge of the caller. @param until when the period ends in which they were taken */
  giveBack(key: string, units: number, until = this.#clock.now() + 1000 * RATE_LIMIT_PERIOD_S): void {
    const before = this.#take(key, Infinity);
    const all = before.units + units;
    if (all === 0) return;
    this.#credits.set(key, { units: all, until: Math.min(until, before.until) });
    const [oldest] = this.#credits.keys();
    if (this.#credits.size > MAX_CREDITS && oldest !== undefined) this.#credits.delete(oldest);
  }

  #take(key: string, wanted: number): Credit {
    const now = this.#clock.now();
    const end = now + 1000 * RATE_LIMIT_PERIOD_S;
    const credit = this.#credits.get(key);
    this.#credits.delete(key);
    if (!credit || credit.until <= now) return { units: 0, until: end };
    const units = Math.min(wanted, credit.units);
    if (units < credit.units) this.#credits.set(key, { ...credit, units: credit.units - units });
    return { units, until: credit.until };
  }
}
