/** Which of the deployment's models a request asks for. No I/O. */
import type { Context, MiddlewareHandler } from 'hono';

import type { HttpError } from './describe-error.ts';
import { respondError } from './errors.ts';
import { settingsOf } from './settings.ts';
import type { Worker } from './worker.ts';

/** `<id>@<revision>` of each model, the default first. */
export function servedModels(env: Worker['Bindings']): string[] {
  const { MODEL, MORE_MODELS } = settingsOf(env);
  return [MODEL, ...MORE_MODELS];
}

/** `<id>@<revision>` of the model that answers this request. A wrong MODEL is repeated as it is. */
export function modelOf(c: Context<Worker>): string {
  const { MODEL } = c.env;
  return c.get('model') ?? (typeof MODEL === 'string' ? MODEL : '');
}

/** @param wanted an id or `<id>@<revision>` @returns the error, if the request cannot be answered by it */
export function chooseModel(c: Context<Worker>, wanted: string | null | undefined): HttpError | undefined {
  if (wanted === null || wanted === undefined) return undefined;
  const served = servedModels(c.env);
  const found = served.find((name) => name === wanted || name.split('@')[0] === wanted);
  if (found === undefined) return { reason: 'unknown_model', model: wanted, served };
  const chosen = c.get('model');
  if (chosen !== undefined && chosen !== found) {
    return {
      reason: 'invalid_request',
      message: `The path asks for the model ${chosen}, and the body for ${found}. Name one of them.`,
    };
  }
  c.set('model', found);
  return undefined;
}

/** Of a path below `/models/:model`. */
export const modelInPath: MiddlewareHandler<Worker, '/models/:model'> = async function modelInPath(c, next) {
  const error = chooseModel(c, c.req.param('model'));
  return error ? respondError(c, error) : next();
};
