/** The models of a deployment in one isolate: as many as fit its memory. The least recently used one leaves first. */
import { RunQueue } from '../concurrency/run-queue.ts';
import type { BackendKind } from '../inference/backend.ts';
import { MAX_ADMITTED_WORK, RUN_LEASE_MS, RUN_PATIENCE_MS, SLICE_WORK } from '../limits.ts';
import { type DeployedModel, deployedModel } from './deployed-model.ts';

interface Resident {
  readonly model: DeployedModel;
  /** Of its weights; 0 until they are about to be loaded. */
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

  #create(name: string): DeployedModel {
    return deployedModel(name, this.#kind, this.#max_work, {
      queue: this.#queue,
      makeRoom: (bytes) => this.#makeRoom(name, bytes),
    });
  }

  async #makeRoom(name: string, bytes: number): Promise<void> {
    const mine = this.#residents.get(name);
    if (mine) mine.bytes = bytes;
    let taken = 0;
    for (const resident of this.#residents.values()) taken += resident.bytes;
    for (const [other, resident] of this.#residents) {
      if (taken <= this.#max_bytes) return;
      if (other === name || resident.bytes === 0) continue;
      this.#residents.delete(other);
      taken -= resident.bytes;
      await resident.model.dispose();
    }
  }
}
