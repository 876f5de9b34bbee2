/** npm run purge: the caches of a deployment forget what they hold. See USAGE. */
import { noTexts, runScript, stopSignal } from './arguments.ts';
import { print, say } from './terminal.ts';

const USAGE = `npm run purge -- [options]

  --env NAME       an environment of wrangler.toml: staging or onnxruntime
  --open           allow a version that answers anybody after one that asks for a key

Makes a copy of what is live live with another CACHE_EPOCH, after a test. No cached encoding or answer of before is read any more.`;

const stop = stopSignal();
await runScript(
  USAGE,
  { env: { type: 'string' }, open: { type: 'boolean' } },
  async ({ env, open: isOpenAllowed = false }, texts) => {
    noTexts(texts);
    const { purge } = await import('../account/purge.ts');
    print(await purge({ env, isOpenAllowed }, { fetch, say, stop }));
  },
);
