/** Cache keys: whatever an answer depends on changes its key. */
import { describe, expect, it } from 'vitest';

import { toFillMaskQuestion } from '../../../src/http/to-question.ts';
import { DEFAULT_NUM_BEAMS } from '../../../src/limits.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { encodingKey, pairKey, predictionKey, scoreKey } from '../../../src/cache/keys.ts';

describe('the key of', () => {
  const served = { model: 'm@1', numerics: 'n', partition: '' };
  const encoding = {
    input_ids: Int32Array.of(2, 7, 4, 3),
    token_type_ids: new Int32Array(4),
    masked_positions: Int32Array.of(2),
  };
  const question = { top_k: 5, strategy: 'independent', return_offsets: false, truncation: false } as const;
  const text = findMasks('x [MASK]');

  it.each([
    [
      'an encoding',
      [
        encodingKey(served, 'a'),
        encodingKey({ ...served, model: 'm@2' }, 'a'),
        encodingKey({ ...served, partition: 'p' }, 'a'),
        encodingKey(served, 'b'),
        encodingKey(served, 'a', []),
        encodingKey(served, 'a', ['new york']),
      ],
    ],
    [
      'a prediction',
      [
        predictionKey(served, question, text, encoding),
        predictionKey({ ...served, model: 'm@2' }, question, text, encoding),
        predictionKey({ ...served, numerics: 'o' }, question, text, encoding),
        predictionKey({ ...served, partition: 'p' }, question, text, encoding),
        predictionKey(served, { ...question, top_k: 6 }, text, encoding),
        predictionKey(served, { ...question, strategy: 'joint' }, text, encoding),
        predictionKey(served, { ...question, strategy: 'joint', num_beams: 9 }, text, encoding),
        predictionKey(served, { ...question, targets: ['a'] }, text, encoding),
        predictionKey(served, { ...question, targets: ['a'] }, findMasks('x[MASK]'), encoding),
        predictionKey(served, { ...question, targets: ['a', 'b'] }, text, encoding),
        predictionKey(served, question, text, { ...encoding, input_ids: Int32Array.of(2, 8, 4, 3) }),
        predictionKey(served, question, text, { ...encoding, masked_positions: Int32Array.of(1) }),
      ],
    ],
    [
      'a score',
      [
        scoreKey(served, 'original', 'a'),
        scoreKey(served, 'within_word_l2r', 'a'),
        scoreKey(served, 'original', 'b'),
        scoreKey({ ...served, model: 'm@2' }, 'original', 'a'),
        scoreKey({ ...served, numerics: 'o' }, 'original', 'a'),
        scoreKey({ ...served, partition: 'p' }, 'original', 'a'),
      ],
    ],
    [
      'a pair',
      [
        pairKey(served, 'sop', { text: 'a', text_pair: 'b' }),
        pairKey(served, 'nsp', { text: 'a', text_pair: 'b' }),
        pairKey(served, 'sop', { text: 'b', text_pair: 'a' }),
        pairKey(served, 'sop', { text: 'ab', text_pair: '' }),
        pairKey({ ...served, model: 'm@2' }, 'sop', { text: 'a', text_pair: 'b' }),
        pairKey({ ...served, numerics: 'o' }, 'sop', { text: 'a', text_pair: 'b' }),
        pairKey({ ...served, partition: 'p' }, 'sop', { text: 'a', text_pair: 'b' }),
      ],
    ],
  ])('%s differs wherever the answer may', async (_, keys) => {
    expect(new Set(await Promise.all(keys)).size).toBe(keys.length);
  });

  it('a prediction holds the default number of beams, so that another default is another key', async () => {
    const [unset, same, other] = await Promise.all(
      [{}, { num_beams: DEFAULT_NUM_BEAMS }, { num_beams: DEFAULT_NUM_BEAMS + 1 }].map((beams) => {
        const asked = toFillMaskQuestion({ inputs: 'x [MASK]', parameters: { strategy: 'joint', ...beams } });
        return predictionKey(served, asked, text, encoding);
      }),
    );
    expect(unset).toBe(same);
    expect(unset).not.toBe(other);
  });
});
