/** Puts the built model into the bucket of a test, and sends requests to an app that has not loaded it yet. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import { kind } from '#kind';

import { createApp } from '../../src/app.ts';
import type { Worker } from '../../src/http/worker.ts';
import { objectKey } from '../../src/model/manifest.ts';

const [id = '', revision = ''] = env.MODEL.split('@');

/** What the app reads. */
export const OBJECTS = ['manifest.json', 'tokenizer.bin', kind.file] as const;
export type ObjectName = (typeof OBJECTS)[number];

export const keyOf = (name: ObjectName): string => objectKey(id, revision, name);

export async function builtFile(name: ObjectName): Promise<Uint8Array> {
  return new Uint8Array(await (await env.BUILT.fetch(`http://built/${name}`)).arrayBuffer());
}

const filled = new Map<string, string>();

/** Puts what the tests before have changed or removed. */
export async function fillBucket(): Promise<void> {
  for (const name of OBJECTS) {
    const key = keyOf(name);
    const etag = (await env.MODELS.head(key))?.etag;
    if (etag !== undefined && etag === filled.get(key)) continue;
    const put = await env.MODELS.put(key, await builtFile(name));
    filled.set(key, put?.etag ?? '');
  }
}

/** The edge cache outlives a file of tests: each has entries of its own. */
export const cacheEpoch = (): string => expect.getState().testPath?.split('/').at(-1) ?? '';

/** An app like that of a new isolate, with the environment of the test or a changed one. Without rate limits, since tests send many requests. */
export function freshApp(changed: Partial<Worker['Bindings']> = {}, backend = kind) {
  const app = createApp(backend);
  return {
    async request(path: string, init?: RequestInit): Promise<Response> {
      const ctx = createExecutionContext();
      const response = await app.fetch(
        new Request(new URL(path, 'http://edge'), init),
        { ...env, CACHE_STATUS: 'all', RATE_LIMITS: 'off', REQUEST_LOG: 'off', CACHE_EPOCH: cacheEpoch(), ...changed },
        ctx,
      );
      await waitOnExecutionContext(ctx);
      return response;
    },
    ask(body: unknown, path = '/fill-mask', headers: Record<string, string> = {}): Promise<Response> {
      return this.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    },
    /** The body of a 200. */
    async answer<T>(body: unknown, path?: string): Promise<T> {
      const response = await this.ask(body, path);
      expect(response.status, await response.clone().text()).toBe(200);
      return response.json();
    },
  };
}
