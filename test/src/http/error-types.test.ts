/** The list of errors is what the code answers, and docs/api.md has all of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { describeError, type HttpError } from '../../../src/http/describe-error.ts';
import { ERROR_TYPES, type ErrorType } from '../../../src/http/error-types.ts';

type Sample<Reason, Each = HttpError> = Each extends { reason: infer Own }
  ? Reason extends Own
    ? Omit<Each, 'reason'>
    : never
  : never;

/** One error of each kind: the compiler asks for a further one. */
const SAMPLES: { readonly [Reason in HttpError['reason'] & ErrorType]: Sample<Reason> } = {
  invalid_json: { message: 'a' },
  invalid_request: { message: 'a' },
  key_missing: {},
  key_malformed: {},
  key_invalid: {},
  not_found: { path: '/a', base: '' },
  unknown_model: { model: 'a', served: ['b'] },
  method_not_allowed: { method: 'PUT', allowed: ['GET'] },
  body_timeout: { limit_ms: 1 },
  body_too_large: { limit: 1 },
  unsupported_media_type: { received: 'a' },
  unsupported_content_encoding: { received: 'a' },
  too_many_texts: { texts: 2, limit: 1 },
  no_mask: { index: 0 },
  has_mask: { index: 0 },
  mixed_masks: { index: 0 },
  masks_not_found: { index: 0, found: 0, masks: 1 },
  no_tokens: { index: 0 },
  too_many_masks: { index: 0, masks: 2, limit: 1 },
  masks_too_far_apart: { index: 0, tokens: 2, limit: 1 },
  text_too_long: { index: 0, length: 2, limit: 1 },
  text_grows_too_long: { index: 0, limit: 1 },
  too_many_tokens: { index: 0, tokens: 2, limit: 1 },
  too_many_tokens_in_all: { tokens: 2, limit: 1 },
  answer_too_large: { bytes: 2, limit: 1 },
  too_much_work: { by: 'texts', work: 2, limit: 1 },
  overloaded: { retry_after_s: 1 },
  rate_limited: { of: 'requests', retry_after_s: 1 },
  conflicting_parameters: { conflict: { between: 'joint_and_targets' } },
  too_many_targets: { targets: 2, contexts: 2, limit: 1 },
  target_empty: { target: 'a' },
  target_too_long: { target: 'a', in: 'pieces', size: 2, limit: 1 },
  target_grows_too_long: { target: 'a', limit: 1 },
  target_unknown: { target: 'a' },
  no_such_head: { head: 'sop', model: 'a' },
};

describe('the list of errors', () => {
  it.each(Object.entries(SAMPLES))('has the status of %s, and whether it comes with Retry-After', (reason, data) => {
    const { statuses, retry } = ERROR_TYPES[reason as ErrorType];
    expect(statuses).toEqual([describeError({ reason, ...data } as HttpError).status]);
    expect(retry === 'after `Retry-After`').toBe('retry_after_s' in data);
  });

  it('is in docs/api.md', async () => {
    const text = await readFile(join(import.meta.dirname, '../../../docs/api.md'), 'utf8');
    const [, table = ''] = /\n\| `error_type`[^\n]*\n[^\n]*\n((?:\|[^\n]*\n)*)/.exec(text) ?? [];
    const rows = table.trim().split('\n');
    const written = rows.map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    const wanted = Object.entries(ERROR_TYPES).map(([type, { statuses, meaning, retry }]) => [
      `\`${type}\``,
      statuses.join(', '),
      meaning,
      retry,
    ]);
    expect(written).toEqual(wanted);
  });
});
