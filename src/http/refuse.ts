/** A refusal as an answer. No I/O. */
import type { Context } from 'hono';

import { describeRefusal, type Refusal, type RefusalStatus } from './refusal.ts';
import type { ErrorResponse } from './schemas/service.ts';

export function refuse(c: Context, refusal: Refusal) {
  if (refusal.reason === 'method_not_allowed') c.header('allow', [...refusal.allowed, 'OPTIONS'].join(', '));
  const { status, error } = describeRefusal(refusal);
  return c.json<ErrorResponse, RefusalStatus>({ error, error_type: refusal.reason }, status);
}
