/** What every question has in common: what is remembered is found, what is not is computed once and kept. No HTTP, no globals. */
import type { Access, Found } from './cache/memory.ts';
import type { Answers, Memories } from './cache/memories.ts';
import type { LoadedModel } from './model/loaded-model.ts';
import { fail, ok, type Result } from './result.ts';
import type { Unanswerable } from './unanswerable.ts';
import type { Work } from './work.ts';

/** What a question is answered from. */
export interface Sources {
  /** `<id>@<revision>`: it names tokenizer and weights. */
  readonly model: string;
  /** Of the backend: answers of another are others. */
  readonly numerics: string;
  /** Called only when something has to be computed. */
  load(): Promise<LoadedModel>;
  readonly memories: Memories;
  readonly access: Access;
}

/** Where the answers were, of the distinct questions in a request. */
export interface Remembered {
  readonly isolate: number;
  readonly data_centre: number;
  readonly computed: number;
  /** Of the oldest answer. */
  readonly age_s: number;
}

/** Answers, with how they came about. */
export interface Answered<T> {
  readonly answers: T;
  readonly work: Work;
  readonly remembered: Remembered;
}

/** The same sources; what they load is timed. */
export function timed(sources: Sources, work: Work): Sources {
  return {
    ...sources,
    async load() {
      const asked = performance.now();
      const model = await sources.load();
      work.load_ms = Math.max(work.load_ms, performance.now() - asked);
      return model;
    },
  };
}

/** A refusal on its way to the one who asked: others who wait for the same ask for themselves, since their question may be smaller. */
class Refused extends Error {
  readonly refusal: Unanswerable;

  constructor(refusal: Unanswerable) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

/**
 * @param keys of what is asked; equal ones are looked for and computed once
 * @param compute gives an answer for each of the keys that nobody remembers, in order
 * @returns an answer for each of the keys, or the refusal
 * @throws what `compute` throws
 */
export async function recall<T>(
  keys: readonly string[],
  { memory, inFlight }: Answers<T>,
  access: Access,
  compute: (missing: readonly string[]) => Promise<Result<readonly T[], Unanswerable>>,
): Promise<Result<{ answers: T[]; remembered: Remembered }, Unanswerable>> {
  const distinct = [...new Set(keys)];
  const found = new Map<string, Found<T>>();
  await Promise.all(
    distinct.map(async (key) => {
      const answer = await memory.find(key, access);
      if (answer) found.set(key, answer);
    }),
  );
  // While that was looked for, others may have computed it; from here to `share` nobody else has a turn.
  for (const key of distinct) {
    const answer = found.get(key) ?? memory.findHere(key, access);
    if (answer) found.set(key, answer);
  }

  const missing = distinct.filter((key) => !found.has(key));
  const answers = new Map(Array.from(found, ([key, { value }]) => [key, value]));
  try {
    const computed = await inFlight.share(missing, (mine) => {
      const computing = (async () => {
        const result = await compute(mine);
        if (!result.ok) throw new Refused(result.error);
        for (const [i, answer] of result.value.entries()) memory.keep(mine[i] ?? '', answer, access);
        return result.value;
      })();
      access.outlive(computing);
      return computing;
    });
    for (const [i, answer] of computed.entries()) answers.set(missing[i] ?? '', answer);
  } catch (error) {
    if (error instanceof Refused) return fail(error.refusal);
    throw error;
  }

  const remembered = Array.from(found.values());
  return ok({
    answers: keys.map((key) => answers.get(key) as T),
    remembered: {
      isolate: remembered.filter(({ place }) => place === 'isolate').length,
      data_centre: remembered.filter(({ place }) => place === 'data-centre').length,
      computed: missing.length,
      age_s: Math.max(0, ...remembered.map(({ age_s }) => age_s)),
    },
  });
}
