/** npm run cost: what a month of a deployment costs at most. See USAGE. */
import { type Usage, monthlyCost, PRICES } from '../account/cost.ts';
import { noTexts, runScript } from './arguments.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run cost -- --requests N [options]

  --requests N     requests a month, as in 500000, 500k or 2M
  --tokens N       tokens of a text, 24 if not given
  --hit-rate S     the share of the requests that a cache answers, from 0 to 1; 0 if not given
  --model ID       a model that is built, <id> or <id>@<revision>; MODEL of wrangler.toml if not given

The result is an upper bound for the engine on the paid plan, with the CPU time of a slow host and the prices of
${PRICES.published}. The bucket is within the free allowance of R2.`;

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

function parseUsage(requests: string | undefined, tokens = '24', hitRate = '0'): Usage {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)([kMG]?)$/.exec(requests ?? '') ?? [];
  if (count === undefined) throw new UsageError(`--requests is a number such as 500k or 2M, not "${requests ?? ''}"`);
  if (!/^[1-9]\d*$/.test(tokens)) throw new UsageError(`--tokens is a number from 1, not "${tokens}"`);
  const share = Number(hitRate);
  if (hitRate === '' || !(share >= 0 && share <= 1)) {
    throw new UsageError(`--hit-rate is a share from 0 to 1, not "${hitRate}"`);
  }
  return { requests: Number(count) * (UNITS[unit] ?? 1), tokens: Number(tokens), hitRate: share };
}

const options = {
  requests: { type: 'string' },
  tokens: { type: 'string' },
  'hit-rate': { type: 'string' },
  model: { type: 'string' },
} as const;

await runScript(USAGE, options, async ({ requests, tokens, 'hit-rate': hitRate, model }, texts) => {
  noTexts(texts);
  const usage = parseUsage(requests, tokens, hitRate);
  const { selectedModel } = await import('../bucket/deployed.ts');
  const { findOrBuild } = await import('../convert/find-or-build.ts');
  const selected = selectedModel();
  const { id, revision, architecture } = (await findOrBuild(model ?? `${selected.id}@${selected.revision}`, say))
    .manifest;
  const cost = monthlyCost(architecture, usage);
  print(`${id}@${revision}, ${usage.requests.toLocaleString('en')} requests a month of ${usage.tokens} tokens, ${100 * usage.hitRate} % from a cache

  CPU time of a miss   ${cost.cpuMsPerMiss.toFixed(1)} ms
  plan                 $${PRICES.plan.toFixed(2)}
  requests             $${cost.requests.toFixed(2)}
  CPU time             $${cost.cpu.toFixed(2)}
  at most              $${cost.total.toFixed(2)} a month`);
});
