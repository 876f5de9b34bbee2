/** The commands of wrangler that documents and messages name, as processes, against a stand-in for the API of an account. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { expect, it } from 'vitest';

import { ROOT } from '../../../models/account/wrangler.ts';
import { ACCOUNT } from './account-server.ts';
import { NAME, useAccount } from './use-account.ts';

const account = useAccount();
const SCRIPT = `/workers/scripts/${NAME}`;

/** What each asks of the account. */
const REQUESTS: Readonly<Record<string, string>> = {
  'tail --env ""': `POST ${SCRIPT}/tails`,
  'deployments status --env ""': `GET ${SCRIPT}/deployments`,
};
/** It opens a browser. */
const LOGIN = 'login';

async function namedCommands(): Promise<string[]> {
  const folders = ['', 'docs', 'docs/decisions', 'models', 'models/account', 'models/commands'];
  const listed = await Promise.all(
    folders.map(async (folder) => (await readdir(join(ROOT, folder))).map((name) => join(folder, name))),
  );
  const files = listed.flat().filter((name) => /\.(md|ts|toml|json)$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(join(ROOT, name), 'utf8')));
  return texts.flatMap(
    (text) =>
      text
        .replaceAll(String.raw`\"`, '"')
        .replaceAll('${envOption(target)}', '--env ""')
        .match(/(?<=npx wrangler )[\w%@ -]*\w(?: "")?/g) ?? [],
  );
}

const runWrangler = (args: readonly string[], input: string) =>
  new Promise<string>((resolve) => {
    const child = execFile(
      process.execPath,
      [join(ROOT, 'node_modules/wrangler/bin/wrangler.js'), ...args],
      { cwd: ROOT, env: { ...process.env, CLOUDFLARE_ACCOUNT_ID: ACCOUNT } },
      (_, out, err) => resolve(stripVTControlCharacters(err + out)),
    );
    child.stdin?.end(input);
  });

it('are these, and none prints a warning', async () => {
  expect(new Set(await namedCommands())).toEqual(new Set([LOGIN, ...Object.keys(REQUESTS)]));
  await account.withLiveVersion();
  for (const [command, request] of Object.entries(REQUESTS)) {
    account.server.seen.length = 0;
    const args = command.split(' ');
    const said = await runWrangler(
      args.map((arg) => (arg === '""' ? '' : arg)),
      '0123456789abcdef',
    );
    expect(said, command).not.toMatch(/warn/i);
    expect(account.server.seen, said).toContain(request);
  }
});
