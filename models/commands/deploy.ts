/** npm run deploy: publishes the worker and its models in a Cloudflare account. See USAGE. */
import { noTexts, runScript, stopSignal } from './arguments.ts';
import { progressBar } from './progress.ts';
import { askPerson, print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run deploy -- [options]

  --env NAME       an environment of wrangler.toml: staging or onnxruntime
  --model ID       a model that is built, <id> or <id>@<revision>, instead of MODEL of wrangler.toml
  --gradual N      give the new version N percent of the requests, from 1 to 99
  --keys FILE      add API keys: a name on each line, or NAME=KEY. A key that is made here is shown once. "-" asks for the names
  --open           allow a version that answers anybody after one that asks for a key
  --drop           allow wrangler.toml to lack a binding that the live version has

Uploads the models and the worker, tests the new version where nobody else reaches it, and makes it live if it answers.
It can be repeated. Any failure leaves the version that was live. It needs \`npx wrangler login\`, or CLOUDFLARE_API_TOKEN.
API_KEY is a key for the test, where the worker asks for one. CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET are a service token
for it, where Cloudflare Access stands before the worker.`;

const stop = stopSignal();
await runScript(
  USAGE,
  {
    env: { type: 'string' },
    model: { type: 'string' },
    gradual: { type: 'string' },
    keys: { type: 'string' },
    open: { type: 'boolean' },
    drop: { type: 'boolean' },
  },
  async ({ env, model, gradual, keys: file, open: isOpenAllowed = false, drop: isDropAllowed = false }, texts) => {
    noTexts(texts);
    if (gradual !== undefined && !/^[1-9]\d?$/.test(gradual)) {
      throw new UsageError(`--gradual is a number of percent from 1 to 99, not "${gradual}"`);
    }
    if (gradual !== undefined && file !== undefined) {
      throw new UsageError(
        '--gradual and --keys exclude each other, since both versions need the same secrets: add the keys first ' +
          '(npm run keys -- add NAME, or --keys without --gradual), and then repeat the command without --keys',
      );
    }
    const { deploy } = await import('../account/deploy.ts');
    const { parseKeys, readNames } = await import('../account/key-file.ts');
    const keys = file === undefined ? [] : parseKeys(await readNames(file, (question) => askPerson(question, stop)));
    const share = gradual === undefined ? undefined : Number(gradual);
    const choice = { env, model, gradual: share, keys, isOpenAllowed, isDropAllowed };
    print(await deploy(choice, { fetch, say, stop, progress: progressBar('uploaded') }));
  },
);
