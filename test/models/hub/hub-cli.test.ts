/** `npm run models -- pull` as a process: killed half-way, out of disk space, with little memory, with unknown arguments. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type HostedModel, type HubServer, sha256, startHub } from './hub-server.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CLI = join(ROOT, 'models/cli.ts');
/** Not the id of a model that a user has pulled. */
const ID = `pull-test-${process.pid}`;
const FOLDER = join(ROOT, 'models/.pulled', ID);
const BYTES = 32 * 1024 * 1024;
const POLL_MS = 20;

let hub: HubServer;
let model: HostedModel;
let weights: Uint8Array;

beforeEach(async () => {
  hub = await startHub();
  weights = randomBytes(BYTES);
  const small = new TextEncoder().encode('{}');
  const files = { 'config.json': small, 'model.safetensors': weights, 'tokenizer.json': small };
  model = { name: 'somebody/base', commit: '1'.repeat(40), files };
  hub.models.push(model);
});
afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(FOLDER, { recursive: true, force: true });
});

/** @param command what the shell runs, with the arguments of the CLI as "$@" */
function start(args: readonly string[], command = 'exec "$@"'): ChildProcess {
  return spawn('sh', ['-c', command, 'sh', process.execPath, CLI, ...args], {
    cwd: ROOT,
    env: { ...process.env, HF_ENDPOINT: hub.endpoint, HF_TOKEN: '' },
  });
}

async function end(child: ChildProcess): Promise<{ status: unknown; said: string }> {
  let said = '';
  child.stdout?.on('data', (data: Buffer) => (said += data.toString()));
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()));
  const [status] = (await once(child, 'close')) as unknown[];
  return { status, said };
}

/** The peak memory of a process that pulls, in bytes. */
async function peak(): Promise<number> {
  // The system's own count starts with the memory of the parent process.
  const script = `
    import { pull } from './models/hub/pull.ts';
    let peak = 0;
    const progress = () => (peak = Math.max(peak, process.memoryUsage.rss()));
    await pull('somebody/base', { id: '${ID}', endpoint: '${hub.endpoint}', progress });
    console.log(peak);`;
  const { said } = await end(spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT }));
  return Number(said);
}

const PULL = ['pull', 'somebody/base', '--id', ID];
const partOf = (name: string) => join(FOLDER, `${name}.${sha256(weights).slice(0, 16)}.part`);
const sizeOf = async (path: string) => (existsSync(path) ? (await stat(path)).size : 0);
const copies = () => hub.seen.filter(({ at }) => at === 'storage');

describe('npm run models -- pull', () => {
  it('resumes where it was killed', async () => {
    hub.troubles.set('model.safetensors', { bytesPerSecond: BYTES });
    const child = start(PULL);
    const ended = end(child);
    while ((await sizeOf(partOf('model.safetensors'))) < BYTES / 8) {
      expect(child.exitCode).toBeNull();
      await new Promise((later) => setTimeout(later, POLL_MS));
    }
    child.kill('SIGKILL');
    await ended;
    expect((await readdir(FOLDER)).filter((name) => !name.endsWith('.part'))).toEqual([]);
    const left = await sizeOf(partOf('model.safetensors'));
    expect(left).toBeLessThan(BYTES);

    hub.troubles.clear();
    const { status, said } = await end(start(PULL));
    expect(said).toContain(`is now in ${FOLDER}, as ${ID}`);
    expect(status).toBe(0);
    expect(copies().at(-1)).toMatchObject({ range: `bytes=${left}-`, sent: BYTES - left });
    expect(copies()).toHaveLength(2);
    expect(sha256(await readFile(join(FOLDER, 'model.safetensors')))).toBe(sha256(weights));
  });

  it('names the file that the disk has no room for, and completes it once there is room', async () => {
    // The unit is 512 or 1024 bytes, depending on the shell: less than the weights either way.
    const { status, said } = await end(start(PULL, 'ulimit -f 20000; exec "$@"'));
    expect(said).toContain(`${partOf('model.safetensors')} cannot be written: the file is too large for this disk`);
    expect(status).toBe(1);
    expect((await readdir(FOLDER)).filter((name) => !name.endsWith('.part'))).toEqual([]);
    expect(await end(start(PULL))).toMatchObject({ status: 0 });
    expect(copies().at(-1)?.status).toBe(206);
  });

  it('needs no more memory for larger files, neither to download nor to verify them', async () => {
    const copied = await peak();
    await rm(join(FOLDER, 'source.json'));
    const proved = await peak();
    await rm(FOLDER, { recursive: true });

    model.files['model.safetensors'] = randomBytes(4 * BYTES);
    expect(await peak()).toBeLessThan(copied + BYTES);
    await rm(join(FOLDER, 'source.json'));
    expect(await peak()).toBeLessThan(proved + BYTES);
  });

  it('shows what a terminal would obey in its escaped form', async () => {
    hub.answers.set('/api/models/somebody/base/revision/HEAD', (_, response) => {
      const answer = JSON.stringify({ error: '\u001b]0;title\u0007' });
      response.writeHead(404, { 'content-type': 'application/json' }).end(answer);
    });
    const { said } = await end(start(PULL));
    expect(said).toContain('(404: \\u001b]0;title\\u0007)');
    expect(said).not.toContain('\u001b');
  });

  it.each([
    [[], 'name a command'],
    [['fetch'], 'there is no command "fetch"'],
    [['toString'], 'there is no command "toString"'],
    [['verify'], 'the command verify is now measure'],
    [['quantization'], 'the command quantization is now ablate'],
    [['cost'], 'the command cost is now bench-geometry'],
    [['pull'], 'name a model'],
    [['pull', 'base'], '"base" is not an id of the Hub'],
    [['pull', 'somebody/base', 'twice'], 'pull does not accept "twice"'],
    [['pull', 'somebody/base', '--remote'], 'pull does not accept --remote'],
    [['add', './nosuch'], 'there is no folder ./nosuch; a model of the Hub is named <owner>/<name>'],
    [['add', 'package.json'], 'package.json is a file: name the folder of the checkpoint'],
    [['add', 'models/albert-edge', '--id', 'other'], '--revision and --id belong to a model of the Hub'],
    [['convert', '--bits', '5'], '--bits is 4 or 8, not "5"'],
    [['convert', '--backend', 'gpu'], '--backend is engine, onnxruntime, both, not "gpu"'],
    [['list', 'base'], 'list does not accept "base"'],
    [['list', '--bucket'], "Unknown option '--bucket'"],
  ])('answers %j with the usage and status 2', async (args, problem) => {
    const { status, said } = await end(start(args));
    const lines = said.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^npm run models -- /);
    expect(lines.at(-1)).toContain(problem);
    expect(status).toBe(2);
    expect(hub.seen).toEqual([]);
  });
});
