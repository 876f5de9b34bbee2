/** npm run deploy: publishes the worker and its model in a Cloudflare account. See USAGE. */
import { noTexts, runScript } from './arguments.ts';
import { progressBar } from './progress.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run deploy -- [options]

  --env NAME       an environment of wrangler.toml: staging or onnxruntime
  --model ID       a model that is built, <id> or <id>@<revision>; MODEL of wrangler.toml if not given
  --gradual N      give the new version N percent of the requests, from 1 to 99

Uploads the model and the worker, tests the new version at an address of its own, and makes it live if it answers.
It can be repeated. Any failure leaves the version that was live. It needs \`npx wrangler login\`, or CLOUDFLARE_API_TOKEN.
API_KEY is a key for the test, where the worker asks for one.`;

await runScript(
  USAGE,
  { env: { type: 'string' }, model: { type: 'string' }, gradual: { type: 'string' } },
  async ({ env, model, gradual }, texts) => {
    noTexts(texts);
    if (gradual !== undefined && !/^[1-9]\d?$/.test(gradual)) {
      throw new UsageError(`--gradual is a number of percent from 1 to 99, not "${gradual}"`);
    }
    const { deploy } = await import('../account/deploy.ts');
    const choice = { env, model, gradual: gradual === undefined ? undefined : Number(gradual) };
    print(await deploy(choice, { fetch, say, progress: progressBar('uploaded') }));
  },
);
