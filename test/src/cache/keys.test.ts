/** Cache keys: whatever an answer depends on changes its key, and what is presented after the caches does not. */
import { describe, expect, it } from 'vitest';

import type { Part } from '../../../src/cache/digest.ts';
import { toFillMaskQuestion } from '../../../src/http/to-question.ts';
import { DEFAULT_NUM_BEAMS } from '../../../src/limits.ts';
import type { FillMaskQuestion, ScoreQuestion, SentenceQuestion } from '../../../src/schemas/questions.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { answerKey, encodingKey, pairKey, predictionKey, scoreKey } from '../../../src/cache/keys.ts';

const served = { model: 'm@1', numerics: 'n', partition: '' };
const encoding = {
  input_ids: Int32Array.of(2, 7, 4, 3),
  token_type_ids: new Int32Array(4),
  masked_positions: Int32Array.of(2),
};
const text = findMasks('x [MASK]');
const pair = { text: 'a', text_pair: 'b' };

/** Every parameter has a value, so that a change of each can be tried. */
const fillMask: Required<FillMaskQuestion> = {
  texts: ['x [MASK]'],
  isList: false,
  top_k: 5,
  targets: ['a'],
  strategy: 'independent',
  num_beams: 8,
  filter: 'words',
  whole_words: true,
  return_offsets: false,
  truncation: true,
  max_answer_bytes: 1000,
};
const score: Required<ScoreQuestion> = { texts: ['a'], isList: false, metric: 'original' };
const sentence: Required<SentenceQuestion<'sop' | 'nsp'>> = { head: 'sop', pairs: [pair], isList: false };

type KeyOf<Question> = (question: Question, of?: typeof served) => Promise<string>;
const keyOfEncoding: KeyOf<FillMaskQuestion> = (question, of = served) => encodingKey(of, question, text.text);
const keyOfAnswer: KeyOf<FillMaskQuestion> = (question, of = served) => answerKey(of, question, text.text);
const keyOfPrediction: KeyOf<FillMaskQuestion> = (question, of = served) => predictionKey(of, question, text, encoding);
const keyOfScore: KeyOf<ScoreQuestion> = (question, of = served) => scoreKey(of, question, 'a');
const keyOfPair: KeyOf<SentenceQuestion<'sop' | 'nsp'>> = (question, of = served) => pairKey(of, question, pair);

/** Another value of the same type. */
function changed(value: unknown): unknown {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  return Array.isArray(value) ? [...(value as unknown[]), 'another'] : `another ${String(value)}`;
}

const PRESENTED = ['texts', 'isList', 'max_answer_bytes', 'return_offsets'];

describe.each<[string, object, KeyOf<never>, readonly string[]]>([
  ['an encoding', fillMask, keyOfEncoding, [...PRESENTED, 'top_k', 'strategy', 'num_beams', 'filter']],
  ['an answer', fillMask, keyOfAnswer, PRESENTED],
  ['a prediction', fillMask, keyOfPrediction, [...PRESENTED, 'truncation']],
  ['a score', score, keyOfScore, ['texts', 'isList']],
  ['a pair', sentence, keyOfPair, ['pairs', 'isList']],
])('the key of %s', (_, question, keyOf, excluded) => {
  const keyWith = (more: object) => keyOf({ ...question, ...more } as never);

  it('changes with every parameter but the excluded ones', async () => {
    const key = await keyWith({});
    const unchanged: string[] = [];
    for (const [name, value] of Object.entries(question)) {
      if ((await keyWith({ [name]: changed(value) })) === key) unchanged.push(name);
    }
    expect(unchanged.toSorted()).toEqual(excluded.toSorted());
  });

  it('changes with a parameter that nobody has thought of', async () => {
    const values = [undefined, 0.5, 'a', true, ['a'], { a: 1 }];
    const keys = await Promise.all(values.map((value) => keyWith({ temperature: value })));
    expect(new Set(keys).size).toBe(values.length);
    expect(keys[0]).toBe(await keyWith({}));
  });

  it('changes with the model and the partition', async () => {
    const others = [served, { ...served, model: 'm@2' }, { ...served, partition: 'p' }];
    const keys = await Promise.all(others.map((other) => keyOf(question as never, other)));
    expect(new Set(keys).size).toBe(others.length);
  });
});

describe('the key of', () => {
  const { targets, ...plain } = fillMask;

  it.each([
    [
      'an encoding',
      [
        keyOfEncoding(fillMask),
        encodingKey(served, fillMask, 'b'),
        keyOfEncoding({ ...plain, truncation: true }),
        // Nothing is truncated, so that no target needs room.
        keyOfEncoding({ ...plain, truncation: false }),
      ],
    ],
    ['an answer', [keyOfAnswer(plain), answerKey(served, plain, 'b'), keyOfAnswer({ ...plain, targets })]],
    [
      'a prediction',
      [
        keyOfPrediction(plain),
        predictionKey({ ...served, numerics: 'o' }, plain, text, encoding),
        keyOfPrediction(fillMask),
        predictionKey(served, fillMask, findMasks('x[MASK]'), encoding),
        predictionKey(served, plain, text, { ...encoding, input_ids: Int32Array.of(2, 8, 4, 3) }),
        predictionKey(served, plain, text, { ...encoding, masked_positions: Int32Array.of(1) }),
      ],
    ],
    ['a score', [keyOfScore(score), scoreKey(served, score, 'b'), keyOfScore(score, { ...served, numerics: 'o' })]],
    [
      'a pair',
      [
        keyOfPair(sentence),
        pairKey(served, sentence, { text: 'b', text_pair: 'a' }),
        pairKey(served, sentence, { text: 'ab', text_pair: '' }),
        keyOfPair(sentence, { ...served, numerics: 'o' }),
      ],
    ],
  ])('%s differs wherever the answer may', async (_, keys) => {
    expect(new Set(await Promise.all(keys)).size).toBe(keys.length);
  });

  it('an encoding is the same with and without targets, where nothing is truncated', async () => {
    const uncut = { ...plain, truncation: false };
    expect(await keyOfEncoding(uncut)).toBe(await keyOfEncoding({ ...uncut, targets }));
    expect(await keyOfEncoding(plain)).not.toBe(await keyOfEncoding({ ...plain, targets }));
  });

  it('a prediction is the same for texts with the same ids, without targets', async () => {
    const alike = findMasks('X[MASK]');
    expect(await predictionKey(served, plain, alike, encoding)).toBe(await keyOfPrediction(plain));
  });

  it.each([keyOfAnswer, keyOfPrediction])(
    'holds the default number of beams, so that another is another key',
    async (keyOf) => {
      const [unset, same, other] = await Promise.all(
        [{}, { num_beams: DEFAULT_NUM_BEAMS }, { num_beams: DEFAULT_NUM_BEAMS + 1 }].map((beams) =>
          keyOf(toFillMaskQuestion({ inputs: 'x [MASK]', parameters: { strategy: 'joint', ...beams } })),
        ),
      );
      expect(unset).toBe(same);
      expect(unset).not.toBe(other);
    },
  );
});

it('a parameter of a type that a digest does not take does not compile', () => {
  const parameters = { metric: 'original', since: new Date(0) };
  // @ts-expect-error a date has no fields: all dates would be one key
  const part: Part = parameters;
  expect(part).toBe(parameters);
});
