/** npm run rollback: makes the version before live again. See USAGE. */
import { runScript, stopSignal } from './arguments.ts';
import { confirm, print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run rollback -- [version] [options]

  version          its id, or the beginning of it; the version that was live before, if not given
  --env NAME       an environment of wrangler.toml: staging or onnxruntime
  --yes            do not ask
  --open           allow a version that answers anybody after one that asks for a key

Lists the versions, says what changes, and asks. Then it tests the version that was live before, code, variables and model, and
makes it live again if it answers. API keys and the purge of caches stay as they are. After --gradual it ends the trial.`;

const stop = stopSignal();
await runScript(
  USAGE,
  { env: { type: 'string' }, yes: { type: 'boolean' }, open: { type: 'boolean' } },
  async ({ env, yes: isConfirmed = false, open: isOpenAllowed = false }, [version, ...more]) => {
    if (more.length > 0) throw new UsageError(`rollback takes one version, not "${more.join(' ')}" besides`);
    const { rollback } = await import('../account/rollback.ts');
    const ask = (question: string) => confirm(question, stop);
    const host = { fetch, say, stop, ...(process.stdin.isTTY && { confirm: ask }) };
    print(await rollback({ env, version, isConfirmed, isOpenAllowed }, host));
  },
);
