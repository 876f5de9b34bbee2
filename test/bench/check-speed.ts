/**
 * npm run check:speed: fails if the engine, relative to onnxruntime-web in the same run, is over a fifth slower than in speed.json.
 * Both run in this process, in interleaved rounds. The least CPU time of a round counts: other load on the machine hardly moves it.
 * See USAGE.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { weightsIn } from '../../models/build/build.ts';
import { engineBackend, onnxBackend } from '../../models/evaluation/backends.ts';
import { readOptions } from '../options.ts';
import { leastCpuTimes } from './least-cpu.ts';
import { benchModel } from './models.ts';

const FILE = join(import.meta.dirname, 'speed.json');
const TOKENS = [16, 64];
const ROUNDS = { rounds: 20, round_tokens: 256 };
const LEAST_SHARE = 0.8;

const USAGE = `npm run check:speed -- [options]

  --record         write this run's ratios to speed.json instead of comparing them`;

const { values } = readOptions(USAGE, { record: { type: 'boolean' } });
const { artifacts } = await benchModel('default');
const backends = [
  await engineBackend(weightsIn(artifacts, 'model.efm')),
  await onnxBackend(weightsIn(artifacts, 'model.onnx')),
];
const ratios: Record<string, number> = {};
for (const tokens of TOKENS) {
  const [engine = NaN, onnxruntime = NaN] = await leastCpuTimes(backends, tokens, ROUNDS);
  ratios[tokens] = Number((onnxruntime / engine).toFixed(2));
}

if (values.record) {
  await writeFile(FILE, `${JSON.stringify(ratios, null, 2)}\n`);
  console.log(ratios);
} else {
  const recorded = JSON.parse(await readFile(FILE, 'utf8')) as Record<string, number>;
  for (const [tokens, ratio] of Object.entries(ratios)) {
    const least = LEAST_SHARE * (recorded[tokens] ?? NaN);
    console.log(`${tokens} tokens: the engine is ${ratio} × as fast as onnxruntime-web, at least ${least.toFixed(2)}`);
    if (!(ratio >= least)) process.exitCode = 1;
  }
}
