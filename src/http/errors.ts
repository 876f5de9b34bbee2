/** Errors as responses. It logs those that are not the caller's. */
import type { Context } from 'hono';

import { ConfigurationError } from '../errors.ts';
import { LOAD_PAUSE_MS } from '../limits.ts';
import { ModelEvicted } from '../model/deployed-model.ts';
import { ModelObjectError } from '../model/bucket.ts';
import type { ErrorResponse } from '../schemas/service.ts';
import {
  describeError,
  describeUnavailable,
  type ErrorStatus,
  type Fault,
  type HttpError,
  INTERNAL,
} from './describe-error.ts';

export function respondError(c: Context, error: HttpError) {
  if (error.reason === 'method_not_allowed') c.header('allow', error.allowed.join(', '));
  if ('retry_after_s' in error) c.header('retry-after', String(error.retry_after_s));
  c.set('error_type', error.reason);
  const { status, message } = describeError(error);
  return c.json<ErrorResponse, ErrorStatus>({ error: message, error_type: error.reason }, status);
}

/** What was thrown: the store's fault, the deployment's, or our own. */
export function respondFault(error: Error, c: Context) {
  // Only what the signal itself has thrown: a fault that comes after the client has left stays a fault.
  const { signal } = c.req.raw;
  if (signal.aborted && error === signal.reason) return respondError(c, { reason: 'client_closed' });
  if (error instanceof ModelObjectError) return unavailable(c, 502, error);
  if (error instanceof ModelEvicted) return respondError(c, { reason: 'overloaded', retry_after_s: 1 });
  return fault(c, 500, error);
}

/** 503 and not 502, as a load balancer expects of a readiness probe. */
export function respondNotReady(error: unknown, c: Context) {
  if (error instanceof ConfigurationError) return fault(c, 503, error);
  if (!(error instanceof ModelObjectError)) throw error;
  return unavailable(c, 503, error);
}

function unavailable<Status extends 502 | 503>(c: Context, status: Status, error: ModelObjectError) {
  c.header('retry-after', String(Math.ceil(LOAD_PAUSE_MS / 1000)));
  return fault(c, status, error);
}

function describeFault(error: Error): ErrorResponse & { readonly error_type: Fault } {
  if (error instanceof ModelObjectError)
    return { error: describeUnavailable(error.message), error_type: 'model_unavailable' };
  if (error instanceof ConfigurationError) return { error: error.message, error_type: 'misconfigured' };
  return { error: INTERNAL, error_type: 'internal' };
}

/** Logs the error with its causes, under the id of the request. */
function fault<Status extends 500 | 502 | 503>(c: Context, status: Status, error: Error) {
  const { error_type, error: message } = describeFault(error);
  c.set('error_type', error_type);
  const causes: string[] = [];
  for (let { cause } = error; cause instanceof Error; { cause } = cause) causes.push(cause.message);
  console.error({ request_id: c.get('requestId'), error_type, message: error.message, causes, stack: error.stack });
  return c.json<ErrorResponse, Status>({ error: message, error_type }, status);
}
