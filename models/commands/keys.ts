/** npm run keys: the API keys of a deployment. See USAGE. */
import { runScript, stopSignal } from './arguments.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run keys -- list | add NAME… | rotate NAME… | revoke NAME… [options]

  list             names of the keys, and the digests that the log shows; never a key
  add NAME…        makes a key for each name, and shows it once
  rotate NAME…     replaces the keys of these names at once. To let two hold for a while, add one and revoke the other later
  revoke NAME…     takes keys away. API_KEYS is the name of the list that was set by hand
  --env NAME       an environment of wrangler.toml: staging or onnxruntime
  --open           allow the last key to be revoked: everybody may ask then

What is live gets the change, and nothing else. It works after a rollback, a failed test and during a gradual deployment as well.
With the first key, every question needs a key.`;

const stop = stopSignal();
await runScript(
  USAGE,
  { env: { type: 'string' }, open: { type: 'boolean' } },
  async ({ env, open: isOpenAllowed = false }, [what, ...names]) => {
    if (!['list', 'add', 'rotate', 'revoke'].includes(what ?? '')) {
      throw new UsageError(what === undefined ? 'say what to do with the keys' : `"${what}" is no command of keys`);
    }
    if (what === 'list' ? names.length > 0 : names.length === 0) {
      throw new UsageError(what === 'list' ? `list does not accept "${names.join(' ')}"` : 'name a key');
    }
    const { addKeys, listKeys, revokeKeys, rotateKeys } = await import('../account/keys.ts');
    const choice = { env, isOpenAllowed };
    const host = { fetch, say, stop };
    if (what === 'list') print(await listKeys(choice, host));
    else if (what === 'add') print(await addKeys(names, choice, host));
    else if (what === 'rotate') print(await rotateKeys(names, choice, host));
    else print(await revokeKeys(names, choice, host));
  },
);
