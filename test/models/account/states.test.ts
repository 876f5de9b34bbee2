/**
 * Every state of a worker against every command. The table of docs/deploying.md is what happened here: `RECORD=1 npx vitest run
 * --project models test/models/account/states.test.ts` writes it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';
import { format } from 'prettier';

import { deploy } from '../../../models/account/deploy.ts';
import { addKeys } from '../../../models/account/keys.ts';
import { purge } from '../../../models/account/purge.ts';
import { rollback } from '../../../models/account/rollback.ts';
import { ROOT } from '../../../models/account/wrangler.ts';
import { ACCOUNT, TOKEN } from './account-server.ts';
import { answerWell, bindingOf, NAME, useAccount } from './use-account.ts';

const DOCUMENT = join(ROOT, 'docs/deploying.md');
const [BEGIN, END] = ['<!-- states -->', '<!-- /states -->'];
const KEY = '0123456789abcdef';

const account = useAccount();
const { host, live, versions } = account;

/** Uploaded code by its letter, in the order of its upload. */
const letters = new Map<string, string>();
const codeOf = (id: string | undefined) =>
  new TextDecoder().decode(
    versions()
      .find((version) => version.id === id)
      ?.modules.get('index.js'),
  );
const letterOf = (id: string | undefined) => letters.get(codeOf(id)) ?? 'the new version';
const shares = () => account.server.workers.get(NAME)?.deployments[0]?.versions ?? [];
const has = (id: string | undefined, name: string) => {
  const version = versions().find((one) => one.id === id);
  return version !== undefined && bindingOf(version, name) !== undefined;
};

async function deployAs(letter: string, choice: { gradual?: number } = {}): Promise<void> {
  await deploy(choice, host);
  letters.set(codeOf(versions().at(-1)?.id), letter);
}

const STATES: Readonly<Record<string, () => Promise<void>>> = {
  'fresh: no worker': () => Promise.resolve(),
  'draft: a worker that answers nothing, made by the dashboard or `secret put`': async () => {
    const form = new FormData();
    form.set('metadata', JSON.stringify({ main_module: 'index.js', bindings: [] }));
    form.set('index.js', new Blob(['export default { fetch() {} }']), 'index.js');
    const headers = { authorization: `Bearer ${TOKEN}` };
    const script = `${account.server.url}/accounts/${ACCOUNT}/workers/scripts/${NAME}`;
    await fetch(script, { method: 'PUT', headers, body: form });
    letters.set(codeOf(versions()[0]?.id), 'the draft');
  },
  'live: A, then B': async () => {
    await deployAs('A');
    await deployAs('B');
  },
  'gradual: A has 90 %, B 10 %': async () => {
    await deployAs('A');
    await deployAs('B', { gradual: 10 });
  },
  'rolled back: A, B, C, then back to B': async () => {
    await deployAs('A');
    await deployAs('B');
    await deployAs('C');
    await rollback({ isConfirmed: true }, host);
  },
  'failed test: A, then B, and C failed': async () => {
    await deployAs('A');
    await deployAs('B');
    account.answerWith(() => new Response('', { status: 502 }));
    await expect(deploy({}, host)).rejects.toThrow('GET /ready answers 502');
    letters.set(codeOf(versions().at(-1)?.id), 'C');
    account.answerWith(answerWell);
  },
  'purged: A, then B, and a purge': async () => {
    await deployAs('A');
    await deployAs('B');
    await purge({}, host);
  },
};

const COMMANDS: Readonly<Record<string, () => Promise<string>>> = {
  deploy: () => deploy({}, host),
  'keys -- add': () => addKeys(['alice'], {}, host),
  rollback: () => rollback({ isConfirmed: true }, host),
  purge: () => purge({}, host),
};

/** What is so after a command, read from the account. */
function outcome(): string {
  const isReachable = account.server.workers.get(NAME)?.enabled ?? false;
  if (!isReachable) {
    return has(versions().at(-1)?.id, 'API_KEY_ALICE')
      ? 'the next deployment has the key'
      : 'nothing is reached, as before';
  }
  const serving = shares()
    .filter(({ percentage }) => percentage > 0)
    .toSorted((a, b) => b.percentage - a.percentage);
  const which = serving.map(({ version_id, percentage }) =>
    percentage === 100 ? letterOf(version_id) : `${letterOf(version_id)} ${percentage} %`,
  );
  const all = (name: string) => serving.every(({ version_id }) => has(version_id, name));
  const more = [...(all('API_KEY_ALICE') ? ['the key'] : []), ...(all('CACHE_EPOCH') ? ['the purge'] : [])];
  return `${which.join(', ')}${serving.length > 1 ? '' : ' live'}${more.length > 0 ? `, with ${more.join(' and ')}` : ''}`;
}

const cells = new Map<string, string>();

describe.each(Object.entries(STATES))('%s', (state, prepare) => {
  it.each(Object.entries(COMMANDS))('npm run %s', async (command, run) => {
    letters.clear();
    await prepare();
    const before = live();
    const refused = await run().then(
      () => undefined,
      (error: Error) => error.message,
    );
    // A refusal changes nothing.
    expect(refused === undefined || live() === before).toBe(true);
    const [, sentence = ''] = /^([^:.]*)/.exec(refused ?? '') ?? [];
    const words = sentence.replaceAll(/[0-9a-f-]{36}/g, (id) => letterOf(id)).replace(` ${NAME}`, '');
    cells.set(`${state}\n${command}`, refused === undefined ? outcome() : `refused: ${words.toLowerCase()}`);
    // In no state a version is left at an address of its own, nor one under test in the deployment.
    for (const { id } of versions()) expect(await account.statusAtOwnAddress(id)).toBe(404);
    expect(account.server.unknown).toEqual([]);
  });
});

it('what is live keeps its keys through every command, in every state', async () => {
  await STATES['gradual: A has 90 %, B 10 %']?.();
  await addKeys(['carol'], {}, host);
  const key =
    versions()
      .at(-1)
      ?.metadata.bindings.find(({ name }) => name === 'API_KEY_CAROL')?.text ?? KEY;
  vi.stubEnv('API_KEY', key);
  for (const run of Object.values(COMMANDS)) {
    await run();
    for (const { version_id } of shares()) expect(has(version_id, 'API_KEY_CAROL')).toBe(true);
  }
});

it('docs/deploying.md has what happened', async () => {
  const commands = Object.keys(COMMANDS);
  const head = `| State | ${commands.map((name) => `\`${name}\``).join(' | ')} |\n| --- |${' --- |'.repeat(commands.length)}`;
  const rows = Object.keys(STATES).map(
    (state) => `| ${state} | ${commands.map((name) => cells.get(`${state}\n${name}`) ?? '').join(' | ')} |`,
  );
  const table = await format([head, ...rows].join('\n'), { parser: 'markdown', printWidth: 120 });
  const text = await readFile(DOCUMENT, 'utf8');
  const [before = '', rest = ''] = text.split(`${BEGIN}\n`);
  const after = rest.slice(rest.indexOf(END));
  const wanted = `${before}${BEGIN}\n\n${table}\n${after}`;
  if (process.env['RECORD'] === '1') await writeFile(DOCUMENT, wanted);
  expect(process.env['RECORD'] === '1' ? wanted : text).toBe(wanted);
});

afterAll(() => cells.clear());
