/** Admission of a request's work: limited for each request and in total, and run in turns. No I/O of its own. */
import type { RequestError, WorkKind } from '../errors.ts';
import type { Encoding, Logits } from '../inference/backend.ts';
import { SLOW_WORK_PER_SECOND } from '../limits.ts';
import { costModelOf } from '../model/cost.ts';
import { ModelEvicted } from '../model/deployed-model.ts';
import type { LoadedModel } from '../model/loaded-model.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Runner } from './runs.ts';

/** How often a turn of a request loads the model again. Then the request is answered 429. */
const MAX_RELOADS = 5;

/** Checks the work of a request against its limit, before anything runs. @param work multiply-adds counted so far */
export function checkWork(kind: WorkKind, work: number, { max_work }: LoadedModel): Result<undefined, RequestError> {
  return work <= max_work ? ok(undefined) : fail({ reason: 'too_much_work', by: kind, work, limit: max_work });
}

/**
 * Admits the work, charges it, and lets `use` run it.
 * @param work multiply-adds of all runs
 * @param beat is called on progress
 * @param use is given a runner that takes a turn of the queue for each batch
 * @returns what `use` returns, or the error: too much work for one request, too much for now, or more than the caller can pay
 */
export async function admitWork<T>(
  kind: WorkKind,
  work: number,
  model: LoadedModel,
  beat: () => void,
  use: (runner: Runner) => Promise<T>,
): Promise<Result<T, RequestError>> {
  const checked = checkWork(kind, work, model);
  if (!checked.ok) return checked;
  const { queue, manifest } = model;
  const job = queue.admit(`${manifest.id}@${manifest.revision}`, work);
  if (!job) return fail({ reason: 'overloaded', retry_after_s: Math.ceil(queue.work / SLOW_WORK_PER_SECOND) });
  const cost = costModelOf(manifest.architecture);
  let { backend } = model;
  /** Models that do not fit together take each other's memory: the one whose turn it is may have to be loaded again. */
  const runInTurn = async (batch: readonly Encoding[]): Promise<Logits[]> => {
    for (let loads = 0; ; loads++) {
      try {
        return await queue.turn(job, cost.batch(batch), beat, (pause) => backend.run(batch, pause));
      } catch (error) {
        if (!(error instanceof ModelEvicted) || !model.reload || loads === MAX_RELOADS) throw error;
        ({ backend } = await model.reload());
      }
    }
  };
  try {
    // What is not admitted costs nothing, and what the caller cannot pay takes no room.
    const charged = (await model.charge?.(work, beat)) ?? checked;
    if (!charged.ok) return charged;
    beat();
    return ok(await use({ run: runInTurn, costOf: cost.encoding }));
  } finally {
    queue.end(job);
    model.waited?.(job.waited_ms);
  }
}
