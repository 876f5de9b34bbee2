/**
 * The budget of a caller: units of a rate limit of the platform, which takes them one by one and gives none back. The caller owes
 * multiply-adds, and pays them by units. Does I/O.
 */
import { CLOCK, type Clock } from '../concurrency/clock.ts';
import { EXPENSIVE_WORK, MAX_ACCOUNTS, RATE_LIMIT_PERIOD_S, UNIT_LEASE_MS } from '../limits.ts';

/** A rate limit of the platform. */
export interface Limiter {
  limit(of: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/** What an isolate knows of one caller. */
interface Account {
  /** Multiply-adds that are not paid. Below zero, units are taken that are not used yet. */
  debt: number;
  /** When the period ends in which the last unit was taken: what is not used then is lost. */
  until: number;
  /** Units that requests ask the limiter for now. They count as paid until the lease ends, since a request may end with its client. */
  asked: number;
  asked_until: number;
  /** Whether the limiter has refused the last unit. */
  isRefused: boolean;
}

/** The accounts of callers in an isolate. Requests share them as plain state. */
export class Budget {
  /** By caller, the least recently used first. */
  readonly #accounts = new Map<string, Account>();
  readonly #clock: Clock;

  constructor(clock: Clock = CLOCK) {
    this.#clock = clock;
  }

  /** @param work multiply-adds that were done or will be; below zero, what was not done after all */
  debit(key: string, work: number): void {
    const account = this.#open(key);
    account.debt += work;
    this.#accounts.delete(key);
    this.#accounts.set(key, account);
    const [oldest] = this.#accounts.keys();
    if (this.#accounts.size > MAX_ACCOUNTS && oldest !== undefined) this.#accounts.delete(oldest);
  }

  /** Whether the caller owes a unit that nobody asks for yet. After a refusal, each request asks for itself. */
  isDue(key: string): boolean {
    const account = this.#accounts.get(key);
    if (!account) return false;
    const { debt, asked, isRefused } = this.#renew(account);
    return debt - (isRefused ? 0 : asked * EXPENSIVE_WORK) >= EXPENSIVE_WORK;
  }

  /**
   * Takes units until the caller owes less than one.
   * @param beat is called before each unit that the limiter is asked for
   * @returns whether there were enough. Units that were taken stay paid
   */
  async settle(limiter: Limiter, key: string, beat: () => void): Promise<boolean> {
    while (this.isDue(key)) {
      beat();
      const account = this.#open(key);
      account.asked++;
      account.asked_until = this.#clock.now() + UNIT_LEASE_MS;
      try {
        const { success } = await limiter.limit({ key });
        account.isRefused = !success;
        if (!success) return false;
        account.debt -= EXPENSIVE_WORK;
        account.until = this.#clock.now() + 1000 * RATE_LIMIT_PERIOD_S;
      } finally {
        account.asked = Math.max(0, account.asked - 1);
      }
    }
    return true;
  }

  #open(key: string): Account {
    const account = this.#accounts.get(key);
    return account ? this.#renew(account) : { debt: 0, until: 0, asked: 0, asked_until: 0, isRefused: false };
  }

  #renew(account: Account): Account {
    const now = this.#clock.now();
    if (account.debt < 0 && account.until <= now) account.debt = 0;
    if (account.asked_until <= now) account.asked = 0;
    return account;
  }
}

/** Who pays for a request: its caller, and the networks that the caller is part of. Each has an account of its own. */
export class Payer {
  readonly #budget: Budget;
  readonly #limiter: Limiter;
  readonly #keys: readonly string[];
  /** Multiply-adds that are paid before they are done. */
  #reserved = 0;

  constructor(budget: Budget, limiter: Limiter, keys: readonly string[]) {
    this.#budget = budget;
    this.#limiter = limiter;
    this.#keys = keys;
  }

  /**
   * Never fails, and takes no time: what it makes due is settled before the next work. What was reserved pays first.
   * @param work multiply-adds
   */
  debit(work: number): void {
    const covered = Math.min(this.#reserved, work);
    this.#reserved -= covered;
    this.#owe(work - covered);
  }

  /**
   * Pays for work before it is done: requests that are let in at the same moment could all do it before the first one owes it.
   * @returns whether that was possible
   */
  async reserve(work: number): Promise<boolean> {
    if (!(await this.charge(work))) return false;
    this.#reserved += work;
    return true;
  }

  /** Gives back what was reserved and not done. */
  release(): void {
    this.#owe(-this.#reserved);
    this.#reserved = 0;
  }

  /** @param work multiply-adds that were done or will be; below zero, what was not done after all */
  #owe(work: number): void {
    if (work === 0) return;
    for (const key of this.#keys) this.#budget.debit(key, work);
  }

  get isDue(): boolean {
    return this.#keys.some((key) => this.#budget.isDue(key));
  }

  /** Pays what is due. @param beat is called before each unit that the limiter is asked for @returns whether that was possible */
  async settle(beat: () => void = () => undefined): Promise<boolean> {
    for (const key of this.#keys) if (!(await this.#budget.settle(this.#limiter, key, beat))) return false;
    return true;
  }

  /** Debits work and pays what is due. If that is not possible, or `beat` throws, the work is given back. */
  async charge(work: number, beat?: () => void): Promise<boolean> {
    this.#owe(work);
    let isPaid = false;
    try {
      return (isPaid = !this.isDue || (await this.settle(beat)));
    } finally {
      if (!isPaid) this.#owe(-work);
    }
  }
}
