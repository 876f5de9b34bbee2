/**
 * The training on a few made-up sentences, from texts and an encoder to a checkpoint, and its errors. Needs a Python with
 * models/train/requirements.txt in the variable TRAIN_PYTHON; skipped without it.
 */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../models/build/build.ts';
import { seeded } from '../../../models/evaluation/random.ts';

const PYTHON = process.env['TRAIN_PYTHON'];
const SCRIPTS = join(import.meta.dirname, '../../../models/train');
const LONG = 300_000;

let folder: string;
let prepared: string;
let begun: string;

/** Runs in a shell, so that the size of its files can be limited. @returns its exit status and output */
async function python(script: string, given: string[], limit = 'unlimited') {
  const command = `ulimit -f ${limit}; exec "$@"`;
  try {
    const { stdout } = await promisify(execFile)('bash', ['-c', command, 'bash', PYTHON ?? '', script, ...given]);
    return { code: 0, said: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, said: stdout + stderr };
  }
}

async function succeed(script: string, given: string[]): Promise<string> {
  const { code, said } = await python(script, given);
  if (code !== 0) throw new Error(said);
  return said;
}

const train = (data: string, out: string, more: string[] = [], limit?: string) => {
  const given = ['--data', data, '--init', begun, '--out', out, '--tokens', '6000', '--batch-tokens', '256', ...more];
  return python(join(SCRIPTS, 'train.py'), given, limit);
};

describe.skipIf(!PYTHON)('training (skipped unless TRAIN_PYTHON names one with PyTorch)', { timeout: LONG }, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    const texts = join(folder, 'texts');
    const encoder = join(folder, 'encoder');
    await mkdir(texts);
    // Of all lengths, as running text has them.
    const random = seeded(1);
    const word = () => Array.from({ length: 2 }, () => `${'bdklmnrst'[random(9)]}${'aeiou'[random(5)]}`).join('');
    const sentence = () => `So ${Array.from({ length: 1 + random(20) }, word).join(' ')}.`;
    const paragraph = () => `${Array.from({ length: 5 }, sentence).join(' ')}\n`;
    const document = () => `A title\n${Array.from({ length: 12 }, paragraph).join('')}\n`;
    for (const name of ['boats', 'valid'])
      await writeFile(join(texts, `${name}.txt`), Array.from({ length: 80 }, document).join(''));
    await succeed(join(import.meta.dirname, 'tiny_encoder.py'), [join(texts, 'boats.txt'), encoder]);

    prepared = join(folder, 'prepared');
    const tokenizer = join(encoder, 'tokenizer.json');
    await succeed(join(SCRIPTS, 'prepare.py'), ['--text', texts, '--tokenizer', tokenizer, '--out', prepared]);
    begun = join(folder, 'begun');
    const geometry = ['--embedding', '16', '--groups', '2', '--layers', '2'];
    const seconds = ['--embedding-seconds', '2', '--head-seconds', '2'];
    const files = ['--encoder', encoder, '--data', prepared, '--out', begun];
    await succeed(join(SCRIPTS, 'start.py'), [...files, ...geometry, ...seconds]);
  }, LONG);
  afterAll(() => rm(folder, { recursive: true }));

  it('computes what the class in transformers does', async () => {
    const said = await succeed(join(import.meta.dirname, 'check_forward.py'), [SCRIPTS]);
    expect(Number(said)).toBeLessThan(1e-4);
  });

  it('makes a checkpoint that can be built, continues from its last one, and starts again from its output', async () => {
    const out = join(folder, 'run');
    // Reports at every step, since a report changes what a checkpoint holds.
    const reported = await train(prepared, out, ['--report-minutes', '0']);
    expect(reported).toMatchObject({ code: 0, said: expect.stringMatching(/held out [^]*done at step \d+/) });
    const { weights } = await readCheckpoint(join(out, 'model'));
    expect(weights.config).toMatchObject({ hidden_size: 32, embedding_size: 16, num_hidden_layers: 2 });
    const run = JSON.parse(await readFile(join(out, 'model/training.json'), 'utf8')) as Record<string, unknown>;
    expect(run).toMatchObject({ shards: ['boats'], tokens_planned: 6000, torch: expect.any(String) });

    expect(await train(prepared, out, ['--tokens', '9000', '--workers', '2'])).toMatchObject({
      code: 0,
      said: expect.stringMatching(/continues at step [1-9]/),
    });
    expect(await train(prepared, join(folder, 'anew'), ['--init', join(out, 'model')])).toMatchObject({ code: 0 });
    expect(await train(prepared, out, ['--seed', '2'])).toMatchObject({
      code: 1,
      said: expect.stringMatching(/was begun with --seed 1/),
    });
  });

  it('goes the same way whether it is stopped in between or not', async () => {
    const whole = join(folder, 'whole');
    const halves = join(folder, 'halves');
    const schedule = ['--float32', '--decay-from', '1', '--long-from', '1'];
    await train(prepared, whole, schedule);
    await train(prepared, halves, [...schedule, '--minutes', '0.0001']);
    expect((await train(prepared, halves, schedule)).said).toMatch(/continues at step [1-9]/);
    const [one, two] = await Promise.all([whole, halves].map((out) => readFile(join(out, 'model/model.safetensors'))));
    expect(one?.equals(two ?? Buffer.of())).toBe(true);
  });

  it('keeps the last checkpoint when the disk is full', async () => {
    const out = join(folder, 'full');
    await train(prepared, out);
    const before = await readFile(join(out, 'checkpoint.pt'));
    const { code, said } = await train(prepared, out, ['--tokens', '9000'], '100');
    expect(said).toMatch(/checkpoint\.pt cannot be written .*Make room and start again/);
    expect(code).toBe(1);
    expect(await readFile(join(out, 'checkpoint.pt'))).toEqual(before);
    expect((await readdir(out)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('says which shard or checkpoint is missing, damaged, or of another tokenizer', async () => {
    const spoiled = join(folder, 'spoiled');
    const none = join(folder, 'none');
    await cp(prepared, spoiled, { recursive: true });
    const refused = async (more: string[] = []) => {
      const { code, said } = await train(spoiled, none, more);
      expect(code).toBe(1);
      return said;
    };
    await truncate(join(spoiled, 'boats.npz'), 1000);
    expect(await refused()).toMatch(/boats\.npz is damaged .*run prepare\.py again/);
    const whole = await readFile(join(prepared, 'boats.npz'));
    whole[whole.length >> 1] = (whole[whole.length >> 1] ?? 0) ^ 255;
    await writeFile(join(spoiled, 'boats.npz'), whole);
    expect(await refused()).toMatch(/boats\.npz is damaged/);
    await copyFile(join(prepared, 'boats.npz'), join(spoiled, 'boats.npz'));
    const vocabulary = await readFile(join(prepared, 'tokenizer.json'), 'utf8');
    await writeFile(join(spoiled, 'tokenizer.json'), `${vocabulary} `);
    expect(await refused()).toMatch(/npz was written with another tokenizer\.json/);
    await copyFile(join(prepared, 'tokenizer.json'), join(spoiled, 'tokenizer.json'));
    await rm(join(spoiled, 'boats.npz'));
    expect(await refused()).toMatch(/holds no shards/);
    await copyFile(join(prepared, 'boats.npz'), join(spoiled, 'boats.npz'));
    expect(await refused(['--init', none])).toMatch(/does not hold a checkpoint that can be read/);
    await writeFile(join(none, 'checkpoint.pt'), 'no checkpoint');
    expect(await refused()).toMatch(/checkpoint\.pt is damaged/);
    await rm(join(spoiled, 'valid.npz'));
    expect(await refused()).toMatch(/valid\.npz is missing/);
  });
});
