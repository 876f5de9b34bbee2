/** One kind of thing remembered in two places: in the isolate, and in the data centre. Does I/O through the latter. */
import * as v from 'valibot';

import { REMEMBERED_SECONDS } from '../limits.ts';
import { BoundedMap } from './bounded-map.ts';
import type { DataCentre } from './data-centre.ts';

/** What one request may do with what is remembered. */
export interface Access {
  /** Whether what is remembered may answer. */
  readonly read: boolean;
  /** Whether anything may be remembered. */
  readonly write: boolean;
  readonly dataCentre: DataCentre | undefined;
  /** Lets something go on when the request is over. */
  readonly outlive: (work: Promise<unknown>) => void;
}

export interface Found<T> {
  readonly value: T;
  readonly place: 'isolate' | 'data-centre';
  /** Since it was computed. */
  readonly age_s: number;
}

interface Kept<T> {
  readonly value: T;
  /** Milliseconds since 1970. */
  readonly stored: number;
}

export class Memory<T> {
  readonly #isolate: BoundedMap<Kept<T>>;
  readonly #version: number;
  readonly #schema;

  /**
   * @param version of what an entry looks like; entries of another are misses
   * @param schema of a value, which JSON can hold
   */
  constructor(version: number, schema: v.GenericSchema<T>, max: { readonly entries: number; readonly bytes: number }) {
    this.#isolate = new BoundedMap(max);
    this.#schema = v.pipe(
      v.string(),
      v.parseJson(),
      v.object({ version: v.literal(version), key: v.string(), stored: v.number(), value: schema }),
    );
    this.#version = version;
  }

  /** Entries and bytes in the isolate. */
  get held(): { entries: number; bytes: number } {
    return { entries: this.#isolate.size, bytes: this.#isolate.bytes };
  }

  /** Only what the isolate has, at once. */
  findHere(key: string, { read }: Access): Found<T> | undefined {
    const here = read ? this.#isolate.get(key) : undefined;
    return here && { value: here.value, place: 'isolate', age_s: ageOf(here) };
  }

  async find(key: string, access: Access): Promise<Found<T> | undefined> {
    const here = this.findHere(key, access);
    if (here || !access.read || !access.dataCentre) return here;
    const text = await access.dataCentre.get(key);
    const parsed = v.safeParse(this.#schema, text);
    // One that is damaged, of another time, or of another question is none.
    if (!parsed.success || parsed.output.key !== key) return undefined;
    const kept = parsed.output;
    if (access.write) this.#isolate.set(key, kept, sizeOf(text));
    return { value: kept.value, place: 'data-centre', age_s: ageOf(kept) };
  }

  /** Here at once, and in the data centre when the answer is on its way. */
  keep(key: string, value: T, { write, dataCentre, outlive }: Access): void {
    if (!write) return;
    const kept = { value, stored: Date.now() };
    const text = JSON.stringify({ version: this.#version, key, ...kept });
    this.#isolate.set(key, kept, sizeOf(text));
    if (dataCentre) outlive(dataCentre.put(key, text));
  }
}

/** Objects take about twice what their JSON does. */
const sizeOf = (json: string | undefined): number => 4 * (json?.length ?? 0);

const ageOf = ({ stored }: { readonly stored: number }): number =>
  Math.min(Math.max(0, Math.floor((Date.now() - stored) / 1000)), REMEMBERED_SECONDS);
