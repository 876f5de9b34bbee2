/** A value that an isolate makes once, such as a loaded model. No I/O of its own. */
import { CLOCK, type Clock } from './clock.ts';
import { emitEvent } from './events.ts';
import { type Flight, follow, isAlive } from './flight.ts';

export interface SharedValueOptions {
  /** How long a leader may make no progress. */
  readonly lease_ms: number;
  /** How long a failure answers everybody before the next attempt, so that an outage is not a storm of attempts. */
  readonly pause_ms: number;
}

/** Thrown to a leader that another one has replaced: it must stop, and then waits for the other one. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
  readonly flight: object;

  constructor(flight: object) {
    super('another request has taken over');
    this.flight = flight;
  }
}

export class SharedValue<T> {
  readonly #options: SharedValueOptions;
  readonly #clock: Clock;
  #value: { readonly value: T } | undefined;
  #flight: Flight<T> | undefined;
  #failure: { readonly error: unknown; readonly at: number } | undefined;

  constructor(options: SharedValueOptions, clock: Clock = CLOCK) {
    this.#options = options;
    this.#clock = clock;
  }

  /** The value, if it was made. */
  get current(): T | undefined {
    return this.#value?.value;
  }

  /**
   * @param make is called by one request at a time. It must call `beat` whenever it makes progress; `beat` throws once the
   *   lease was lost, and the request then waits for the one that took over
   * @throws what `make` throws, to the leader, to its followers, and to everybody during the pause after it
   */
  async get(make: (beat: () => void) => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#value) return this.#value.value;
      const flight = this.#flight;
      if (flight && isAlive(flight, this.#options.lease_ms, this.#clock)) {
        const outcome = await follow(flight, this.#options.lease_ms, this.#clock);
        if (!outcome) continue;
        if ('error' in outcome) throw outcome.error;
        return outcome.value;
      }
      const failure = this.#failure;
      if (failure && this.#clock.now() - failure.at < this.#options.pause_ms) throw failure.error;
      if (flight && this.#flight === flight) emitEvent({ event: 'lease_lost', of: 'load' });
      const led: Flight<T> = { beat: this.#clock.now() };
      try {
        return await this.#lead(led, make);
      } catch (error) {
        if (!(error instanceof LeaseLost && error.flight === led)) throw error;
      }
    }
  }

  /** Forgets the value, if it is this one: the next request makes another. */
  drop(value: T): void {
    if (this.#value?.value === value) this.#value = undefined;
  }

  async #lead(flight: Flight<T>, make: (beat: () => void) => Promise<T>): Promise<T> {
    this.#flight = flight;
    try {
      const value = await make(() => {
        if (this.#flight !== flight) throw new LeaseLost(flight);
        flight.beat = this.#clock.now();
      });
      if (this.#flight === flight) {
        this.#value = { value };
        this.#failure = undefined;
        this.#flight = undefined;
      }
      flight.outcome = { value };
      return value;
    } catch (error) {
      if (this.#flight === flight) {
        this.#failure = { error, at: this.#clock.now() };
        this.#flight = undefined;
        flight.outcome = { error };
      }
      throw error;
    }
  }
}
