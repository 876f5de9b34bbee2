/** A model that does not answer is not converted: the backend and the question are named. */
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { type Checkpoint, makeArtifacts, readCheckpoint } from '../../../models/build/build.ts';
import { answerOnce } from '../../../models/convert/answer-once.ts';
import { packTokenizer } from '../../../models/tokenizer/pack.ts';

let bert: Checkpoint;
beforeAll(async () => {
  bert = { ...(await readCheckpoint(join(import.meta.dirname, '../../fixtures/families/bert'))), backend: 'both' };
});

/** With other types around a text or a pair, which a checkpoint could not have. */
function withTypes(types: readonly number[], ofPair: readonly number[]): Checkpoint {
  const names = ['[CLS]', 'A', '[SEP]', 'B', '[SEP]'];
  const template = (given: readonly number[]) =>
    given.map((type_id, i) => {
      const id = names[i] ?? '';
      return id.length === 1 ? { Sequence: { id, type_id } } : { SpecialToken: { id, type_id } };
    });
  const post_processor = {
    type: 'TemplateProcessing',
    single: template(types),
    pair: template(ofPair),
    special_tokens: { '[CLS]': { ids: [2] }, '[SEP]': { ids: [3] } },
  };
  const packed = packTokenizer({ ...(JSON.parse(bert.tokenizer.json) as object), post_processor });
  return { ...bert, tokenizer: { ...bert.tokenizer, packed } };
}
const only = (checkpoint: Checkpoint, backend: 'engine' | 'onnxruntime') => ({ ...checkpoint, backend });
const answer = async (checkpoint: Checkpoint) => answerOnce(checkpoint, await makeArtifacts(checkpoint));

describe('a model that is converted', () => {
  it('has answered with both backends', async () => {
    await expect(answer(bert)).resolves.toBeUndefined();
  });

  it.each([
    ['engine', /^bert: the engine does not answer "\[MASK\] a \[MASK\] b \[MASK\]": unreachable$/],
    ['onnxruntime', /^bert: onnxruntime-web does not answer "\[MASK\] a \[MASK\] b \[MASK\]": .*Gather/],
  ] as const)('does not trap at a sentence, by %s', async (backend, message) => {
    await expect(answer(only(withTypes([0, 2, 0], [0, 0, 0, 1, 1]), backend))).rejects.toThrow(message);
  });

  it.each(['engine', 'onnxruntime'] as const)('does not trap at a pair, by %s', async (backend) => {
    await expect(answer(only(withTypes([0, 0, 0], [0, 0, 0, 2, 1]), backend))).rejects.toThrow(
      /does not answer the pair \["\S+","\S+"\]: /,
    );
  });

  it('does not say numbers that are not finite', async () => {
    const { weights } = bert;
    const norm = { ...weights.mlm.norm, gamma: weights.mlm.norm.gamma.map(() => 3e38) };
    const broken = { ...bert, weights: { ...weights, mlm: { ...weights.mlm, norm } } };
    await expect(answer(broken)).rejects.toThrow(/^bert: .* does not answer "\[MASK\] a .*": .*not finite/);
  });

  it('has a position for a mask', async () => {
    const { weights } = bert;
    const config = { ...weights.config, max_position_embeddings: 2 };
    await expect(
      answerOnce({ ...bert, weights: { ...weights, config } }, { files: { 'tokenizer.bin': new Uint8Array() } }),
    ).rejects.toThrow('bert: max_position_embeddings leaves 2 positions, and a mask alone needs 3');
  });
});
