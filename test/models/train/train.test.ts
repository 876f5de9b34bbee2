/**
 * The training, on a few made-up sentences: from texts to a checkpoint, and what it says when something is wrong. It needs
 * what models/train/requirements.txt lists, in the Python that the variable PYTHON names; without it, it is skipped.
 */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../models/build/build.ts';
import { seeded } from '../../../models/evaluation/random.ts';

const PYTHON = process.env['PYTHON'];
const SCRIPTS = join(import.meta.dirname, '../../../models/train');
const GEOMETRY = ['--hidden', '64', '--layers', '2', '--heads', '2', '--positions', '128', '--batch-tokens', '256'];
const LONG = 300_000;

let folder: string;
let prepared: string;

/** Runs in a shell, so that the size of its files can be limited; says how it ended and what it said. */
async function python(script: string, given: string[], limit = 'unlimited') {
  const command = `ulimit -f ${limit}; exec "$@"`;
  const words = [PYTHON ?? '', join(SCRIPTS, script), ...given];
  try {
    const { stdout } = await promisify(execFile)('bash', ['-c', command, 'bash', ...words]);
    return { code: 0, said: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, said: stdout + stderr };
  }
}

const train = (data: string, out: string, more: string[] = [], limit?: string) =>
  python('train.py', ['--data', data, '--out', out, '--minutes', '0.05', ...GEOMETRY, ...more], limit);

describe.skipIf(!PYTHON)('training (skipped unless PYTHON names one with PyTorch)', { timeout: LONG }, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    const [texts, names] = [join(folder, 'texts'), ['boats', 'valid']];
    await mkdir(texts);
    // Of all lengths, as running text has them.
    const random = seeded(1);
    const word = () => Array.from({ length: 2 }, () => `${'bdklmnrst'[random(9)]}${'aeiou'[random(5)]}`).join('');
    const sentence = () => `So ${Array.from({ length: 1 + random(20) }, word).join(' ')}.`;
    const document = () => `A title\n${Array.from({ length: 40 }, sentence).join(' ')}\n\n`;
    for (const name of names)
      await writeFile(join(texts, `${name}.txt`), Array.from({ length: 80 }, document).join(''));
    prepared = join(folder, 'prepared');
    const given = ['--text', texts, '--out', prepared, '--vocabulary', '200', '--embedding', '48'];
    const { code, said } = await python('prepare.py', given);
    if (code !== 0) throw new Error(said);
  }, LONG);
  afterAll(() => rm(folder, { recursive: true }));

  it('makes a checkpoint that can be built, and continues from its last one', async () => {
    const out = join(folder, 'run');
    const { code, said } = await train(prepared, out);
    expect(said).toContain('held-out loss');
    expect(code).toBe(0);
    const { weights } = await readCheckpoint(join(out, 'model'));
    expect(weights.config).toMatchObject({ hidden_size: 64, num_hidden_layers: 2, max_position_embeddings: 128 });
    const run = JSON.parse(await readFile(join(out, 'model/training.json'), 'utf8')) as Record<string, unknown>;
    expect(run).toMatchObject({ minutes: 0.05, shards: ['boats'], torch: expect.any(String) });

    const more = await train(prepared, out, ['--minutes', '0.1', '--workers', '2']);
    expect(more).toMatchObject({ code: 0, said: expect.stringMatching(/continues at step [1-9]/) });

    const other = await train(prepared, out, ['--hidden', '128']);
    expect(other).toMatchObject({ code: 1, said: expect.stringMatching(/checkpoint\.pt is of another geometry/) });
  });

  it('keeps the last checkpoint when the disk is full', async () => {
    const out = join(folder, 'full');
    await train(prepared, out);
    const before = await readFile(join(out, 'checkpoint.pt'));
    const { code, said } = await train(prepared, out, ['--minutes', '0.1'], '100');
    expect(said).toMatch(/checkpoint\.pt cannot be written .*Make room and start again/);
    expect(code).toBe(1);
    expect(await readFile(join(out, 'checkpoint.pt'))).toEqual(before);
    expect((await readdir(out)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('says which shard is missing, damaged, or of another tokenizer', async () => {
    const spoiled = join(folder, 'spoiled');
    await cp(prepared, spoiled, { recursive: true });
    await truncate(join(spoiled, 'boats.npz'), 1000);
    expect(await train(spoiled, join(folder, 'none'))).toMatchObject({
      code: 1,
      said: expect.stringMatching(/boats\.npz is damaged .*run prepare\.py again/),
    });
    const whole = await readFile(join(prepared, 'boats.npz'));
    whole[whole.length >> 1] = (whole[whole.length >> 1] ?? 0) ^ 255;
    await writeFile(join(spoiled, 'boats.npz'), whole);
    expect(await train(spoiled, join(folder, 'none'))).toMatchObject({
      code: 1,
      said: expect.stringMatching(/boats\.npz is damaged/),
    });
    await rm(join(spoiled, 'boats.npz'));
    expect((await train(spoiled, join(folder, 'none'))).said).toMatch(/holds no shards/);
    await copyFile(join(prepared, 'boats.npz'), join(spoiled, 'boats.npz'));
    await rm(join(spoiled, 'valid.npz'));
    expect((await train(spoiled, join(folder, 'none'))).said).toMatch(/valid\.npz is missing/);
  });
});
