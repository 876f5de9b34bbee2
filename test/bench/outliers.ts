/**
 * node test/bench/outliers.ts <checkpoint>: the time of the engine with the outlier channels of the checkpoint's calibration.json,
 * relative to none. Both run in this process, in interleaved rounds, and the minimum CPU time of a round counts.
 */
import { readCheckpoint } from '../../models/build/build.ts';
import { packEngineFile } from '../../models/engine/pack.ts';
import { engineBackend } from '../../models/evaluation/backends.ts';
import { extraWorkOf } from '../../models/convert/calibrate.ts';
import { withoutOutliers } from '../../models/quantization/plan.ts';
import { readOptions } from '../options.ts';
import { leastCpuTimes } from './least-cpu.ts';

const TOKENS = [16, 64, 512];
const ROUNDS = { rounds: 40, round_tokens: 512 };

const { positionals } = readOptions('npm run bench:outliers -- [id | folder]', {}, true);
const { weights, bits, plan } = await readCheckpoint(positionals[0] ?? 'albert-edge');
const none = plan.map(withoutOutliers);
const backends = [
  await engineBackend(packEngineFile(weights, bits, none)),
  await engineBackend(packEngineFile(weights, bits, plan)),
];
console.log(`extra work by the cost model: ${(100 * extraWorkOf(weights, plan)).toFixed(1)} %`);
for (const tokens of TOKENS) {
  const [without = NaN, withOutliers = NaN] = await leastCpuTimes(backends, tokens, ROUNDS);
  console.log(`${tokens} tokens: ${(withOutliers / without).toFixed(3)} × the time without outlier channels`);
}
