/** Compares POST /score with models/evaluation on the same pairs of BLiMP. */
import { describe, expect, inject, it } from 'vitest';

import { readCheckpoint } from '../../../models/build/build.ts';
import { readEvaluationData } from '../../../models/evaluation/data.ts';
import { makeItems } from '../../../models/evaluation/items.ts';
import { pseudoLogLikelihoods } from '../../../models/evaluation/score.ts';
import { packEngineFile } from '../../../models/engine/pack.ts';
import { engineBackend } from '../../../models/evaluation/backends.ts';
import { postJson } from '../../post-json.ts';
import { useWorker } from '../use-worker.ts';

const DATA = process.env['EVALUATION_DATA'];
const PAIRS_OF_EACH_SET = 3;

describe.skipIf(!DATA)('POST /score (skipped unless EVALUATION_DATA names the folder of the evaluation sets)', () => {
  const worker = useWorker();

  it('gives the pairs of BLiMP the scores of the evaluation', { timeout: 600_000 }, async () => {
    const checkpoint = await readCheckpoint(inject('built').id);
    const backend = await engineBackend(packEngineFile(checkpoint.weights));
    const mask_id = checkpoint.tokenizer.special_tokens.mask.id;
    const all = await readEvaluationData(DATA ?? '');
    const texts = [...all.blimp.values()].flatMap((pairs) => pairs.slice(0, PAIRS_OF_EACH_SET));
    // A separate set for each, since the pairs of a set are drawn in any order.
    const blimp = new Map(texts.map((pair, i) => [String(i), [pair]]));
    const data = { ...all, blimp, facts: [], valid: [], wikitext: [] };
    const { items } = makeItems(data, checkpoint.tokenizer, 512, { share: Infinity, order: false });
    const pairs = items.filter((item) => item.kind === 'pair');
    expect(pairs).toHaveLength(texts.length);

    let right = 0;
    for (const [i, { good, bad }] of pairs.entries()) {
      const measured = [
        await pseudoLogLikelihoods(good, backend, mask_id),
        await pseudoLogLikelihoods(bad, backend, mask_id),
      ];
      for (const [metric, name] of [
        ['within_word_l2r', 'within_word_l2r'],
        ['original', 'plain'],
      ] as const) {
        const body = { inputs: [texts[i]?.good, texts[i]?.bad], parameters: { metric } };
        const response = await postJson(new URL('/score', worker.url), body);
        const scores = ((await response.json()) as { score: number }[]).map(({ score }) => score);
        expect(scores).toEqual(measured.map((one) => expect.closeTo(one[name], 6)));
        if (metric === 'within_word_l2r' && (scores[0] ?? 0) > (scores[1] ?? 0)) right++;
      }
    }
    console.log(`POST /score prefers the good sentence in ${right} of ${pairs.length} pairs of BLiMP`);
  });
});
