/** The models of a deployment in one isolate: as many as fit its memory. The least recently used one leaves first. */
import { CLOCK } from '../concurrency/clock.ts';
import { emitEvent } from '../concurrency/events.ts';
import { RunQueue } from '../concurrency/run-queue.ts';
import type { BackendKind } from '../inference/backend.ts';
import { MAX_ADMITTED_WORK, RUN_LEASE_MS, RUN_PATIENCE_MS, SLICE_WORK } from '../limits.ts';
import { type DeployedModel, deployedModel } from './deployed-model.ts';

/** Between two looks whether there is room. */
const PAUSE_MS = { first: 1, longest: 16 };

interface Resident {
  readonly model: DeployedModel;
  /** All that it takes; 0 until it is about to be loaded. */
  bytes: number;
}

export class ServedModels {
  readonly #kind: BackendKind;
  readonly #max_work: number;
  readonly #max_bytes: number;
  /** By name, the least recently used first. */
  readonly #residents = new Map<string, Resident>();
  /** Runs of all models take turns. */
  readonly #queue: RunQueue;

  /**
   * @param max_work multiply-adds of one request
   * @param max_bytes of all models that are loaded. One alone is always loaded
   */
  constructor(kind: BackendKind, max_work: number, max_bytes: number) {
    this.#kind = kind;
    this.#max_work = max_work;
    this.#max_bytes = max_bytes;
    this.#queue = new RunQueue({
      max_work: Math.max(MAX_ADMITTED_WORK, max_work),
      slice: SLICE_WORK,
      lease_ms: RUN_LEASE_MS,
      patience_ms: RUN_PATIENCE_MS,
    });
  }

  /** To be used now. @param name `<id>@<revision>` */
  get(name: string): DeployedModel {
    const model = this.peek(name);
    const resident = this.#residents.get(name);
    this.#residents.delete(name);
    if (resident) this.#residents.set(name, resident);
    return model;
  }

  /** To be described: it counts as no use. */
  peek(name: string): DeployedModel {
    const resident = this.#residents.get(name) ?? { model: this.#create(name), bytes: 0 };
    if (!this.#residents.has(name)) this.#residents.set(name, resident);
    return resident.model;
  }

  /** Reserves the memory of a model, if no other has to leave for it. @returns whether it is reserved, now or before */
  reserve(name: string, bytes: number): boolean {
    this.peek(name);
    const mine = this.#residents.get(name);
    if (!mine) return false;
    if (mine.bytes > 0) return true;
    const others = this.#bytesBeside(name);
    if (others > 0 && others + bytes > this.#max_bytes) return false;
    mine.bytes = bytes;
    return true;
  }

  #bytesBeside(name: string): number {
    let others = 0;
    for (const [other, { bytes }] of this.#residents) if (other !== name) others += bytes;
    return others;
  }

  #create(name: string): DeployedModel {
    return deployedModel(name, this.#kind, this.#max_work, {
      queue: this.#queue,
      makeRoom: (bytes, beat) => this.#makeRoom(name, bytes, beat),
    });
  }

  /**
   * Reserves the memory. A model that is loaded or runs just now stays until that has ended, and for a while one that requests wait for:
   * otherwise models that do not fit together would be loaded for each turn.
   */
  async #makeRoom(name: string, bytes: number, beat: () => void): Promise<void> {
    const began = CLOCK.now();
    for (let pause = PAUSE_MS.first; ; pause = Math.min(2 * pause, PAUSE_MS.longest)) {
      // It has had to leave meanwhile, and takes no room of others for nothing.
      if (!this.#residents.has(name)) return;
      const leaving: DeployedModel[] = [];
      let others = this.#bytesBeside(name);
      for (const [other, resident] of this.#residents) {
        if (others === 0 || others + bytes <= this.#max_bytes) break;
        if (other === name || resident.bytes === 0 || resident.model.isBusy) continue;
        if (CLOCK.now() - began < RUN_PATIENCE_MS && this.#queue.awaits(other)) continue;
        this.#residents.delete(other);
        others -= resident.bytes;
        leaving.push(resident.model);
        emitEvent({ event: 'model_evicted', model: other, for: name });
      }
      const hasRoom = others === 0 || others + bytes <= this.#max_bytes;
      const mine = this.#residents.get(name);
      if (hasRoom && mine) mine.bytes = bytes;
      beat();
      for (const model of leaving) await model.dispose();
      if (hasRoom) return;
      await CLOCK.sleep(pause);
    }
  }
}
