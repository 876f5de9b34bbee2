/**
 * The service for another worker of the same account, over a service binding: the questions, the limits and the errors of the
 * HTTP API. No call throws: every failure is an error value. No key is asked for and no rate is limited, since only the owner binds it.
 */
import { WorkerEntrypoint } from 'cloudflare:workers';

import type { App } from './app.ts';
import { INTERNAL } from './http/describe-error.ts';
import { findUnwritable } from './http/find-unwritable.ts';
import { withoutKeys } from './http/settings.ts';
import type { Worker } from './http/worker.ts';
import { fail, ok, type Result } from './result.ts';
import type { FillMaskRequest, FillMaskResponse } from './schemas/fill-mask.ts';
import type { ScoreRequest, ScoreResponse } from './schemas/score.ts';
import type { NextSentenceResponse, SentenceOrderResponse, SentenceRequest } from './schemas/sentence.ts';
import type { CallError, ErrorResponse, Info, Models } from './schemas/service.ts';
import type { TokenizeRequest, TokenizeResponse } from './schemas/tokenize.ts';

type Call<T> = Promise<Result<T, CallError>>;

/** @returns the class of an entrypoint. The questions go through the routes, so that both share the model and the caches */
export function entrypointOf(app: App) {
  async function call<T>(env: Worker['Bindings'], ctx: ExecutionContext, path: string, init?: RequestInit): Call<T> {
    try {
      const request = new Request(`https://fill-mask.internal${path}`, init);
      const response = await app.fetch(request, { ...withoutKeys(env), BASE_PATH: '', RATE_LIMITS: 'off' }, ctx);
      if (response.ok) return ok(await response.json<T>());
      const retry_after = response.headers.get('retry-after');
      return fail({
        status: response.status,
        ...(await response.json<ErrorResponse>()),
        ...(retry_after !== null && { retry_after_s: Number(retry_after) }),
      });
    } catch (error) {
      // An answer that was begun and could not be ended.
      console.error({ error_type: 'internal', message: (error as Error).message, stack: (error as Error).stack });
      return fail({ status: 500, error: INTERNAL, error_type: 'internal' });
    }
  }

  async function ask<T>(env: Worker['Bindings'], ctx: ExecutionContext, path: string, question: unknown): Call<T> {
    const unwritable = findUnwritable(question);
    if (unwritable !== undefined) {
      return refuse(
        `${unwritable}, which JSON cannot hold. Pass texts, numbers, truth values, lists and plain objects.`,
      );
    }
    const body = JSON.stringify(question);
    return call(env, ctx, path, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  }

  return class extends WorkerEntrypoint<Worker['Bindings']> {
    /** As `POST /fill-mask`. */
    async fillMask(question: FillMaskRequest): Call<FillMaskResponse> {
      return ask(this.env, this.ctx, '/fill-mask', question);
    }

    /** As `POST /score`. */
    async score(question: ScoreRequest): Call<ScoreResponse> {
      return ask(this.env, this.ctx, '/score', question);
    }

    /** As `POST /sentence-order`, or with the head `nsp` as `POST /next-sentence`. */
    async classifyPair(question: SentenceRequest, head: 'sop'): Call<SentenceOrderResponse>;
    async classifyPair(question: SentenceRequest, head: 'nsp'): Call<NextSentenceResponse>;
    async classifyPair(question: SentenceRequest, head: unknown): Call<SentenceOrderResponse | NextSentenceResponse> {
      if (head === 'sop') return ask(this.env, this.ctx, '/sentence-order', question);
      if (head === 'nsp') return ask(this.env, this.ctx, '/next-sentence', question);
      return refuse('The head must be "sop", for sentence order, or "nsp", for next sentence.');
    }

    /** As `POST /tokenize`. */
    async tokenize(question: TokenizeRequest): Call<TokenizeResponse> {
      return ask(this.env, this.ctx, '/tokenize', question);
    }

    /** As `GET /info`. */
    async info(): Call<Info> {
      return call(this.env, this.ctx, '/info');
    }

    /** As `GET /models`. */
    async models(): Call<Models> {
      return call(this.env, this.ctx, '/models');
    }
  };
}

const refuse = (error: string) => fail<CallError>({ status: 400, error, error_type: 'invalid_request' });
