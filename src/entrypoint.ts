/**
 * The service for another worker of the same account, over a service binding: the questions, the limits and the errors of the
 * HTTP API. Nothing throws for a request that is refused. No key is asked for and no rate is limited, since only the owner binds it.
 */
import { WorkerEntrypoint } from 'cloudflare:workers';

import type { App } from './app.ts';
import type { Worker } from './http/worker.ts';
import { fail, ok, type Result } from './result.ts';
import type { FillMaskRequest, FillMaskResponse } from './schemas/fill-mask.ts';
import type { ScoreRequest, ScoreResponse } from './schemas/score.ts';
import type { NextSentenceResponse, SentenceOrderResponse, SentenceRequest } from './schemas/sentence.ts';
import type { CallError, ErrorResponse } from './schemas/service.ts';
import type { TokenizeRequest, TokenizeResponse } from './schemas/tokenize.ts';

type Call<T> = Promise<Result<T, CallError>>;

/** @returns the class of an entrypoint. The questions go through the routes, so that both share the model and the caches */
export function entrypointOf(app: App) {
  async function ask<T>(path: string, question: unknown, env: Worker['Bindings'], ctx: ExecutionContext): Call<T> {
    const request = new Request(`https://fill-mask.internal${path}`, {
      method: 'POST',
      body: JSON.stringify(question),
    });
    request.headers.set('content-type', 'application/json');
    const response = await app.fetch(request, { ...env, API_KEYS: '', RATE_LIMITS: 'off' }, ctx);
    if (response.ok) return ok(await response.json<T>());
    const retry_after = response.headers.get('retry-after');
    return fail({
      status: response.status,
      ...(await response.json<ErrorResponse>()),
      ...(retry_after !== null && { retry_after_s: Number(retry_after) }),
    });
  }

  return class extends WorkerEntrypoint<Worker['Bindings']> {
    /** As `POST /fill-mask`. */
    async fillMask(question: FillMaskRequest): Call<FillMaskResponse> {
      return ask('/fill-mask', question, this.env, this.ctx);
    }

    /** As `POST /score`. */
    async score(question: ScoreRequest): Call<ScoreResponse> {
      return ask('/score', question, this.env, this.ctx);
    }

    /** As `POST /sentence-order`, or with the head `nsp` as `POST /next-sentence`. */
    async classifyPair(question: SentenceRequest, head: 'sop'): Call<SentenceOrderResponse>;
    async classifyPair(question: SentenceRequest, head: 'nsp'): Call<NextSentenceResponse>;
    async classifyPair(
      question: SentenceRequest,
      head: 'sop' | 'nsp',
    ): Call<SentenceOrderResponse | NextSentenceResponse> {
      return ask(head === 'nsp' ? '/next-sentence' : '/sentence-order', question, this.env, this.ctx);
    }

    /** As `POST /tokenize`. */
    async tokenize(question: TokenizeRequest): Call<TokenizeResponse> {
      return ask('/tokenize', question, this.env, this.ctx);
    }
  };
}
