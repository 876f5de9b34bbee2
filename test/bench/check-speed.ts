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
import { benchModel } from './models.ts';
import { encodingOf } from './workers/measuring.ts';

const FILE = join(import.meta.dirname, 'speed.json');
const TOKENS = [16, 64];
const ROUNDS = 60;
const TOKENS_IN_A_ROUND = 256;
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
  const encoding = encodingOf(tokens);
  const least = backends.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, backend] of backends.entries()) {
      const begun = process.cpuUsage();
      for (let run = 0; run < TOKENS_IN_A_ROUND / tokens; run++) await backend.run([encoding]);
      const { user, system } = process.cpuUsage(begun);
      least[i] = Math.min(least[i] ?? Infinity, user + system);
    }
  }
  const [engine = NaN, onnxruntime = NaN] = least;
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
