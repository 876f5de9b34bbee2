/** A backend is released before the next one is read: two of a large model do not fit an isolate. */
import { kind } from '#kind';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Backend, BackendKind, Encoding } from '../../../src/inference/backend.ts';
import { readAhead } from '../../../src/model/object-store.ts';
import { ServedModels } from '../../../src/model/served-models.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { fillBucket } from '../bucket.ts';

beforeEach(fillBucket);

describe('dispose', () => {
  it('is called after a failed run, before the weights are read again', async () => {
    const log: string[] = [];
    let isBroken = false;
    const logged: BackendKind = {
      ...kind,
      async create(file) {
        log.push('read');
        const backend = await kind.create(file);
        return {
          run: (batch, pause) => (isBroken ? Promise.reject(new Error('broken')) : backend.run(batch, pause)),
          async dispose() {
            await backend.dispose?.();
            log.push('disposed');
          },
        };
      },
    };
    const model = new ServedModels(logged, 200e9, 96e6).get(env.MODEL);
    const loaded = await model.load(readAhead(env.MODELS));
    expect(await model.load(readAhead(env.MODELS))).toBe(loaded);
    isBroken = true;
    await expect(loaded.backend.run([])).rejects.toThrow('broken');
    isBroken = false;
    expect(await model.load(readAhead(env.MODELS))).not.toBe(loaded);
    expect(log).toEqual(['read', 'disposed', 'read']);
  });

  it.runIf(kind.file === 'model.onnx')(
    'releases the session of onnxruntime-web (skipped with the engine)',
    async () => {
      const created: Backend[] = [];
      const kept: BackendKind = {
        ...kind,
        async create(file) {
          const backend = await kind.create(file);
          created.push(backend);
          return backend;
        },
      };
      const model = new ServedModels(kept, 200e9, 96e6).get(env.MODEL);
      const { tokenizer } = await model.load(readAhead(env.MODELS));
      const batch: Encoding[] = [tokenizer.encode(findMasks('The [MASK] barked.'))];
      expect(await created[0]?.run(batch)).toHaveLength(1);
      await model.dispose();
      await expect(created[0]?.run(batch)).rejects.toThrow(/invalid session/);
    },
  );
});
