/** npm run rollback: makes the version before live again. See USAGE. */
import { noTexts, runScript } from './arguments.ts';
import { print, say } from './terminal.ts';

const USAGE = `npm run rollback -- [options]

  --env NAME       an environment of wrangler.toml: staging or onnxruntime

Tests the version that was live before, worker and model together, and makes it live again if it answers.`;

await runScript(USAGE, { env: { type: 'string' } }, async ({ env }, texts) => {
  noTexts(texts);
  const { rollback } = await import('../account/rollback.ts');
  print(await rollback(env, { fetch, say }));
});
