/** npm run metrics: what a deployment answered, from its data points in Analytics Engine. See USAGE. */
import { queriesOf, readMetrics, requireDataset } from '../account/metrics.ts';
import { noTexts, runScript } from './arguments.ts';
import { drawMetrics } from './draw-metrics.ts';
import { print } from './terminal.ts';
import { repeat } from './watch.ts';
import { UsageError } from './usage-error.ts';

const MAX_HOURS = 31 * 24;
const USAGE = `npm run metrics -- [options]

  --env NAME       an environment of wrangler.toml: staging or onnxruntime
  --hours N        the last N hours, from 1 to ${MAX_HOURS}; 24 if not given
  --watch          draw again every minute, until Ctrl-C
  --sql            print the queries as well

Draws requests over time, routes and their times, status, models, caches, the answers of each version, and callers by the names of
their keys, with the CPU time and what a month like this costs. It needs the binding
ANALYTICS in wrangler.toml, and \`npx wrangler login\`, or CLOUDFLARE_API_TOKEN with the permission Account Analytics: Read.`;

const options = {
  env: { type: 'string' },
  hours: { type: 'string' },
  sql: { type: 'boolean' },
  watch: { type: 'boolean' },
} as const;

await runScript(USAGE, options, async ({ env, hours: given = '24', sql = false, watch = false }, texts) => {
  noTexts(texts);
  const hours = Number(given);
  if (!/^\d+$/.test(given) || hours < 1 || hours > MAX_HOURS) {
    throw new UsageError(`--hours is a number from 1 to ${MAX_HOURS}, not "${given}"`);
  }
  const { findTarget } = await import('../account/worker.ts');
  const target = await findTarget(env, { fetch });
  if (sql) print(`${Object.values(queriesOf(requireDataset(target), hours)).join('\n\n')}\n`);
  const draw = async () => drawMetrics(await readMetrics(target, hours), hours, Date.now());
  if (watch) await repeat(draw);
  else print(await draw());
});
