/** Two models that are loaded at the same time. */
import { kind } from '#kind';
import { expect, it } from 'vitest';

import type { Logits, ModelBytes } from '../../../src/inference/backend.ts';
import { builtFile } from '../bucket.ts';

it('both answer', async () => {
  const bytes = await builtFile(kind.file);
  const file: ModelBytes = { size: bytes.length, read: async (take) => take(bytes), verify: async () => undefined };
  const encoding = {
    input_ids: Int32Array.of(2, 4, 3),
    token_type_ids: new Int32Array(3),
    masked_positions: Int32Array.of(1),
  };
  const backends = await Promise.all([1, 2, 3].map(() => kind.create(file)));
  const answers: Logits[][] = [];
  for (const backend of backends) answers.push(await backend.run([encoding]));
  for (const backend of backends) await backend.dispose?.();
  expect(answers[0]?.[0]?.mlm.every(Number.isFinite)).toBe(true);
  expect(answers).toEqual(answers.map(() => answers[0]));
});
