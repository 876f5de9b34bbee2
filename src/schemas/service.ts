/** Schemas of errors, `GET /health` and `GET /info`. */
import * as v from 'valibot';

import { architecture, heads, quantization } from './model.ts';
import { natural } from './fields.ts';

export const errorResponse = v.object({
  error: v.pipe(v.string(), v.description('A message that says what is wrong and what to do.')),
  error_type: v.pipe(v.string(), v.description('The kind of error, for programs.')),
});
export type ErrorResponse = v.InferOutput<typeof errorResponse>;

/** An error as a call over a service binding gives it. */
export interface CallError extends ErrorResponse {
  readonly status: number;
  /** The seconds of `Retry-After`, where the same call may succeed later. */
  readonly retry_after_s?: number;
}

export const healthResponse = v.object({
  status: v.literal('ok'),
  model: v.pipe(v.string(), v.description('<id>@<revision>')),
});
export const readyResponse = v.object({
  status: v.literal('ready'),
  model: v.pipe(v.string(), v.description('<id>@<revision>')),
});
export type Ready = v.InferOutput<typeof readyResponse>;

export type Health = v.InferOutput<typeof healthResponse>;

export const infoResponse = v.object({
  model: v.string(),
  revision: v.string(),
  weights_bytes: v.pipe(natural, v.description('The size of the weights file.')),
  backend: v.object({ name: v.string(), build: v.string(), instruction_set: v.string() }),
  mask_token: v.string(),
  heads,
  limits: v.object({
    tokens: natural,
    multiply_adds: v.pipe(natural, v.description('The multiply-adds of all model runs of one request.')),
    masks_per_text: natural,
    texts: natural,
    text_length: natural,
    truncated_text_length: natural,
    body_bytes: natural,
    targets: natural,
    target_pieces: natural,
    target_length: natural,
    tokenized: v.pipe(natural, v.description('Tokens in one answer of /tokenize.')),
    answer_length: v.pipe(natural, v.description('Bytes of all sequences in one answer, as JSON escapes them.')),
    top_k: v.object({ default: natural, max: natural }),
    num_beams: v.object({ default: natural, max: natural }),
  }),
  architecture,
  quantization: v.optional(quantization),
  license: v.string(),
  source: v.string(),
});
export const modelsResponse = v.pipe(
  v.array(
    v.object({
      model: v.string(),
      revision: v.string(),
      path: v.pipe(v.string(), v.description('Every route exists below it, such as /models/albert-edge/fill-mask.')),
      default: v.pipe(v.boolean(), v.description('Whether it answers the routes without a prefix.')),
      info: v.optional(v.pipe(infoResponse, v.description('As GET /info. Absent if the model is not in the bucket.'))),
    }),
  ),
  v.description('The models of this deployment, the default first.'),
);
export type Models = v.InferOutput<typeof modelsResponse>;

export type Info = v.InferOutput<typeof infoResponse>;
