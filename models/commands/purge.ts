/** npm run purge: the caches of a deployment forget what they hold. See USAGE. */
import { noTexts, runScript } from './arguments.ts';
import { print, say } from './terminal.ts';

const USAGE = `npm run purge -- [options]

  --env NAME       an environment of wrangler.toml: staging or onnxruntime

Makes a copy of the live version live with another CACHE_EPOCH, after a test at an address of its own. No cached encoding
or answer of before is read any more.`;

await runScript(USAGE, { env: { type: 'string' } }, async ({ env }, texts) => {
  noTexts(texts);
  const { purge } = await import('../account/purge.ts');
  print(await purge(env, { fetch, say }));
});
