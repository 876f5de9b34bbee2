/** What each rounded part of the default model costs, on its real weights: the parts together explain what the engine loses. */
import { beforeAll, describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../models/build/build.ts';
import { ablate, partsOf } from '../../../models/evaluation/ablate.ts';
import { HELD_OUT_TEXT, readRunningText } from '../../../models/evaluation/running-text.ts';
import { OUTLIER_INPUTS } from '../../../src/inference/efm-format.ts';

/** Paragraphs, each once: about 55 masks. */
const TEXTS = 5;
const SERVED = 'with outlier channels: as served';
const WHOLE_FILES = new Set(['model.efm, with ranges from the text', `model.efm, ${SERVED}`]);

/** Divergence by part, in nats. */
const losses = new Map<string, number>();
const of = (name: string) => losses.get(name) ?? NaN;
const inputs = (outliers: 'with' | 'without') =>
  OUTLIER_INPUTS.map((input) => of(`inputs of ${input}, ${outliers} outlier channels`));
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

beforeAll(async () => {
  const checkpoint = await readCheckpoint('albert-edge');
  const { weights, tokenizer } = checkpoint;
  const { encodings } = await readRunningText(HELD_OUT_TEXT, tokenizer, weights.config.max_position_embeddings, 1);
  const parts = partsOf(checkpoint).filter(({ name }) => !name.startsWith('model.') || WHOLE_FILES.has(name));
  await ablate(weights, parts, encodings.slice(0, TEXTS), (name, { mean_kl }) => losses.set(name, mean_kl));
}, 240_000);

describe('rounding one part alone', () => {
  it.each([
    ...OUTLIER_INPUTS.map((input) => [`weights of ${input}`, 0.0003] as const),
    ['weights of all layers', 0.0006],
    ['word embeddings', 0.0006],
    ['projection and heads', 0.0002],
    ...OUTLIER_INPUTS.map((input) => [`inputs of ${input}, with outlier channels`, 0.0015] as const),
  ] as const)('costs little: %s', (name, most) => {
    expect(of(name)).toBeGreaterThan(0);
    expect(of(name)).toBeLessThan(most);
  });

  it('costs hardly more with the limit of lanes', () => {
    const without = of('weights of all layers, without the limit of lanes');
    expect(of('weights of all layers')).toBeLessThan(1.2 * without);
  });

  it('costs less where the input has outlier channels', () => {
    expect(sum(inputs('with'))).toBeLessThan(sum(inputs('without')) / 2);
  });
});

describe('the engine', () => {
  it('loses what its parts lose', () => {
    const [whole, ...parts] = [
      of(`model.efm, ${SERVED}`),
      of('weights of all layers'),
      of('word embeddings'),
      of('projection and heads'),
      ...inputs('with'),
    ];
    // Attention, GELU and the layer norms would be the rest.
    expect(whole).toBeLessThan(1.3 * sum(parts));
    expect(whole).toBeGreaterThan(sum(parts) / 1.5);
  });

  it('loses at most half with its outlier channels', () => {
    expect(of(`model.efm, ${SERVED}`)).toBeLessThan(of('model.efm, with ranges from the text') / 2);
  });
});
