/** The bytes that requests hold at once while they wait for their clients. No I/O of its own. */
import { CLOCK, type Clock } from './clock.ts';

/** What one request holds. */
export interface Held {
  bytes: number;
  /** When its client last made progress, in milliseconds. */
  beat: number;
  /** Nobody waits for it any more: what still arrives is not held. */
  isReleased: boolean;
}

/**
 * A bound on memory that clients decide how long to hold, such as bodies that arrive slowly. It is plain data, since requests share
 * no promises. A request that ends without a word is forgotten after its lease.
 */
export class ByteBudget {
  readonly #held = new Set<Held>();
  readonly #max_bytes: number;
  readonly #lease_ms: number;
  readonly #clock: Clock;

  /** @param lease_ms how long a request may make no progress: longer than the deadline that ends it */
  constructor(max_bytes: number, lease_ms: number, clock: Clock = CLOCK) {
    this.#max_bytes = max_bytes;
    this.#lease_ms = lease_ms;
    this.#clock = clock;
  }

  /** Bytes that are held now. */
  get bytes(): number {
    const now = this.#clock.now();
    let bytes = 0;
    for (const held of this.#held) {
      if (now - held.beat > this.#lease_ms) this.#held.delete(held);
      else bytes += held.bytes;
    }
    return bytes;
  }

  /**
   * Lets a request hold so many bytes from now on, and renews its lease.
   * @returns whether the others leave as much. What nobody else limits is always admitted
   */
  hold(held: Held, bytes: number): boolean {
    if (held.isReleased) return false;
    this.#held.delete(held);
    const others = this.bytes;
    const isAdmitted = bytes <= held.bytes || others === 0 || others + bytes <= this.#max_bytes;
    if (isAdmitted) held.bytes = bytes;
    held.beat = this.#clock.now();
    if (held.bytes > 0) this.#held.add(held);
    return isAdmitted;
  }

  /** For good: a body that arrives after its deadline asks in vain. */
  release(held: Held): void {
    held.isReleased = true;
    held.bytes = 0;
    this.#held.delete(held);
  }
}

/** A request that holds nothing yet. */
export const nothingHeld = (): Held => ({ bytes: 0, beat: 0, isReleased: false });
