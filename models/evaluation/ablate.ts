/** npm run models -- ablate: measures the gain of each step from plain dynamic quantization to what is served, on held-out text. */
import type { Backend } from '../../src/inference/backend.ts';
import { CLEAR_LEAD } from './agreement.ts';
import { onnxBackend } from './backends.ts';
import { readCheckpoint } from '../build/build.ts';
import { readEvaluationData } from './data.ts';
import { makeItems, type WindowItem } from './items.ts';
import { score, type WindowScore } from './score.ts';
import { buildGraph } from '../onnx/encoder.ts';
import { type Int8Scheme, SERVED } from '../onnx/linear.ts';

const WINDOWS = 200;

const PLAIN: Int8Scheme = {
  scales: 'per tensor',
  smooth: false,
  ends: 'int8',
  decoder: 'once',
  feedForwardOutput: 'once',
  outliers: false,
};
const PER_TOKEN: Int8Scheme = { ...PLAIN, scales: 'fine' };

/** Each adds to the previous one, up to what is served; the last ones leave out a step. */
const STEPS: readonly { readonly name: string; readonly scheme: Int8Scheme }[] = [
  { name: 'one scale a tensor (`DynamicQuantizeMatMul`)', scheme: PLAIN },
  { name: 'a scale for each token and each output', scheme: PER_TOKEN },
  { name: '+ smoothing', scheme: { ...PER_TOKEN, smooth: true } },
  { name: '+ projection and MLM dense in float32', scheme: { ...PER_TOKEN, smooth: true, ends: 'float32' } },
  {
    name: '+ decoder twice',
    scheme: { ...PER_TOKEN, smooth: true, ends: 'float32', decoder: 'twice' },
  },
  { name: '+ feed-forward output moved: as served', scheme: SERVED },
  { name: 'feed-forward output twice instead', scheme: { ...SERVED, feedForwardOutput: 'twice' } },
  { name: 'as served, without smoothing', scheme: { ...SERVED, smooth: false } },
];

export interface Step {
  readonly name: string;
  /** Bytes of the graph. */
  readonly bytes: number;
  /** Share of the masks with the first choice of float32: of those where it leads clearly, and of all. */
  readonly clear: number;
  readonly all: number;
  /** Share of the masked words whose pieces are all the first choice. */
  readonly right: number;
  readonly bits_per_character: number;
}

/**
 * @param model an id or the path of a checkpoint
 * @param data the folder of the evaluation sets
 * @param report gets each step when it is done, float32 first
 */
export async function ablate(model: string, data: string, report: (step: Step) => void): Promise<void> {
  const { weights, tokenizer } = await readCheckpoint(model);
  const { items } = makeItems(await readEvaluationData(data), tokenizer, weights.config.max_position_embeddings, {
    share: 1,
    order: false,
  });
  const windows = items
    .filter((item) => item.kind === 'window' && item.set === 'valid')
    .slice(0, WINDOWS) as WindowItem[];
  const run = async (backend: Backend) => {
    const scores: WindowScore[] = [];
    for (const window of windows) scores.push((await score(window, backend, 0)) as WindowScore);
    return scores;
  };
  const characters = sum(windows.map((window) => window.characters));
  const words = sum(windows.map((window) => window.words.length));

  let reference: WindowScore[] | undefined;
  for (const { name, scheme } of [{ name: 'float32', scheme: 'float32' as const }, ...STEPS]) {
    const graph = buildGraph(weights, scheme);
    const scores = await run(await onnxBackend(graph));
    reference ??= scores;
    const [all, clear] = [
      { same: 0, of: 0 },
      { same: 0, of: 0 },
    ];
    for (const [i, { first, lead }] of reference.entries()) {
      for (const [m, id] of first.entries()) {
        const same = scores[i]?.first[m] === id ? 1 : 0;
        for (const count of lead[m]! >= CLEAR_LEAD ? [all, clear] : [all]) {
          count.same += same;
          count.of++;
        }
      }
    }
    report({
      name,
      bytes: graph.length,
      clear: clear.same / clear.of,
      all: all.same / all.of,
      right: sum(scores.map(({ right }) => right)) / words,
      bits_per_character: sum(scores.map(({ bits }) => bits)) / characters,
    });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
