/** wrangler.toml: its environments agree, and `use` changes all of them. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { build as esbuild } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Unstable_Config as Config, unstable_readConfig as readConfig } from 'wrangler';

import { PAGE_FOLDER } from '../../../src/page/bundle.ts';
import { DEFAULT_EXPENSIVE_LIMIT, DEFAULT_MAX_REQUEST_WORK, SLOW_WORK_PER_SECOND } from '../../../src/limits.ts';
import { localBasePath, localModels } from '../../../models/bucket/deployed.ts';
import { withModels } from '../../../models/bucket/config-file.ts';
import { findDeployed } from '../../../models/bucket/inventory.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CONFIG = join(ROOT, 'wrangler.toml');

const namespaceOf = ({ namespace_id }: { namespace_id: string }) => namespace_id;

/** What environments have in common. */
function shared(config: Config): object {
  const own = new Set(['name', 'topLevelName', 'targetEnvironment', 'main', 'ratelimits']);
  const entries = Object.entries(config as object).filter(([key]) => !own.has(key));
  const ratelimits = config.ratelimits.map(({ name, simple }: { name: string; simple: object }) => ({ name, simple }));
  return { ...Object.fromEntries(entries), ratelimits };
}

describe('use', () => {
  it('sets MODEL in every environment, and nothing else', async () => {
    const before = await readFile(CONFIG, 'utf8');
    const after = withModels(before, 'other@0123456789abcdef');
    const changed = after.split('\n').filter((line, i) => line !== before.split('\n')[i]);
    const { definedEnvironments = [] } = readConfig({ config: CONFIG });
    expect(changed).toEqual(['', ...definedEnvironments].map(() => 'MODEL = "other@0123456789abcdef"'));
    expect(withModels(after, 'other@0123456789abcdef')).toBe(after);
  });

  it('sets MORE_MODELS beside it, once, and leaves it when one model is used', async () => {
    const before = await readFile(CONFIG, 'utf8');
    const two = withModels(before, 'a@1', ['b@2', 'c@3']);
    const { definedEnvironments = [] } = readConfig({ config: CONFIG });
    const environments = definedEnvironments.length + 1;
    expect(two.match(/^MODEL = "a@1"\nMORE_MODELS = "b@2, c@3"$/gm)).toHaveLength(environments);
    const other = withModels(two, 'd@4', ['e@5']);
    expect(other.match(/^MORE_MODELS = .*$/gm)).toEqual(
      Array.from({ length: environments }, () => 'MORE_MODELS = "e@5"'),
    );
    expect(withModels(other, 'f@6').match(/^MORE_MODELS = "e@5"$/gm)).toHaveLength(environments);
  });

  it('is refused if there is no such line', () => {
    expect(() => withModels('# MODEL = "a@b"\n', 'a@b')).toThrow('wrangler.toml has no line MODEL');
  });
});

describe('the models of npm start', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const configOf = async (toml: string, local: string) => {
    const config = join(folder, 'wrangler.toml');
    await writeFile(config, `name = "test"\n[vars]\n${toml}\n`);
    await writeFile(join(folder, '.dev.vars'), local);
    return config;
  };
  const modelsOf = async (toml: string, local = '') => localModels(await configOf(toml, local));

  it('are those of wrangler.toml, unless .dev.vars names others', async () => {
    expect(await modelsOf('MODEL = "a@1"')).toEqual(['a@1']);
    const two = 'MODEL = "a@1"\nMORE_MODELS = "b@2, c@3"';
    expect(await modelsOf(two)).toEqual(['a@1', 'b@2', 'c@3']);
    expect(await modelsOf(two, 'MORE_MODELS=d@4')).toEqual(['a@1', 'd@4']);
    expect(await modelsOf(two, 'MODEL=d@4\nMORE_MODELS=')).toEqual(['d@4']);
    expect(await modelsOf(two, 'MODEL=b@2')).toEqual(['b@2', 'c@3']);
  });

  it('are served below the BASE_PATH of wrangler.toml, unless .dev.vars has another', async () => {
    const below = 'MODEL = "a@1"\nBASE_PATH = "/masks"';
    expect(localBasePath(await configOf('MODEL = "a@1"', ''))).toBe('');
    expect(localBasePath(await configOf(below, ''))).toBe('/masks');
    expect(localBasePath(await configOf(below, 'BASE_PATH='))).toBe('');
  });

  it('are refused by name where they cannot be read', async () => {
    await expect(modelsOf('MODEL = "a@1"\nMORE_MODELS = ["b@2"]')).rejects.toThrow('MORE_MODELS is not a text');
    await expect(modelsOf('MODEL = "a')).rejects.toThrow('wrangler.toml cannot be read: ');
  });
});

it('list has the models after the first as well, in each environment that names them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  const file = join(folder, 'wrangler.toml');
  await writeFile(file, withModels(await readFile(CONFIG, 'utf8'), 'a@1', ['b@2', 'c@3']));
  const { definedEnvironments = [] } = readConfig({ config: file });
  const found = findDeployed(file).map(({ model, note }) => `${model} ${note}`);
  await rm(folder, { recursive: true });
  expect(found).toEqual(
    ['without --env', ...definedEnvironments.map((name: string) => `--env ${name}`)].flatMap((note) =>
      ['a@1', 'b@2', 'c@3'].map((model) => `${model} ${note}`),
    ),
  );
});

describe('the environments', () => {
  const { definedEnvironments = [], ...top } = readConfig({ config: CONFIG }) as Config & {
    definedEnvironments?: string[];
  };
  const namespaces = new Set(top.ratelimits.map(namespaceOf));

  it.each(definedEnvironments)('%s has what the top has, and rate limits of its own', (env) => {
    const config = readConfig({ config: CONFIG, env });
    for (const namespace of config.ratelimits.map(namespaceOf)) {
      expect([...namespaces]).not.toContain(namespace);
      namespaces.add(namespace);
    }
    expect(shared(config)).toEqual(shared(readConfig({ config: CONFIG })));
    expect(config.main === top.main).toBe(env !== 'onnxruntime');
    expect(config.name).toBe(`edge-fill-mask-${env}`);
  });
});

it.each(['', 'onnxruntime', 'staging'])('EXPENSIVE_LIMIT is the limit of its binding, env "%s"', (env) => {
  const { vars, ratelimits } = readConfig({ config: CONFIG, env });
  const { limit } = ratelimits.find(({ name }: { name: string }) => name === 'EXPENSIVE_RATE_LIMITER')?.simple ?? {};
  expect(vars['EXPENSIVE_LIMIT']).toBe(String(limit));
  expect(limit).toBe(DEFAULT_EXPENSIVE_LIMIT);
});

it('the limit of CPU time is twice what a request may ask for, on a slow host', () => {
  const { limits } = readConfig({ config: CONFIG });
  expect(limits?.cpu_ms).toBe((2 * 1000 * DEFAULT_MAX_REQUEST_WORK) / SLOW_WORK_PER_SECOND);
});

it('the platform samples no logs, since it would drop errors too', () => {
  const { observability } = readConfig({ config: CONFIG });
  expect(observability).toMatchObject({ enabled: true, head_sampling_rate: 1 });
});

describe('wrangler dev', () => {
  it('builds again when a file changes that a build reads, and never because of a file that it writes', async () => {
    const inputs = (packages: 'bundle' | 'external', entryPoints: string[]) =>
      esbuild({
        absWorkingDir: ROOT,
        entryPoints,
        outdir: 'nowhere',
        bundle: true,
        write: false,
        metafile: true,
        packages,
        external: ['*.wasm', 'cloudflare:*'],
        platform: 'node',
        format: 'esm',
      }).then(({ metafile }) => Object.keys(metafile.inputs));
    const read = [
      ...(await inputs('external', ['src/index.ts', 'src/index.onnxruntime.ts'])),
      // The command itself, what it compiles, and what it bundled last.
      ...(await inputs('external', ['src/inference/compile-kernels.ts', 'src/page/bundle.ts'])),
      ...(await readdir(join(ROOT, 'src/inference/kernels'))).map((name) => `src/inference/kernels/${name}`),
      ...(JSON.parse(await readFile(join(PAGE_FOLDER, '.inputs.json'), 'utf8')) as string[]).map((path) =>
        relative(ROOT, path),
      ),
    ];
    expect(read).toContain('src/pipelines/fill-mask.ts');
    const watched = [readConfig({ config: CONFIG }).build.watch_dir].flat().map((path) => relative(ROOT, path ?? ''));
    const isWatched = (path: string) => watched.some((one) => path === one || path.startsWith(`${one}/`));
    expect(read.filter((path) => !path.startsWith('node_modules/') && !isWatched(path))).toEqual([]);
    expect(watched.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(isWatched('src/inference/.build/engine.wasm')).toBe(false);
  });
});

describe('a deploy button', () => {
  it('asks for each variable, bucket and secret that there is, with a description', async () => {
    const { cloudflare } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      cloudflare: { bindings: Record<string, { description: string }> };
    };
    const secrets = (await readFile(join(ROOT, '.dev.vars.example'), 'utf8')).match(/^\w+(?==)/gm) ?? [];
    const { vars, r2_buckets } = readConfig({ config: CONFIG });
    const buckets = r2_buckets.map(({ binding }: { binding: string }) => binding);
    const wanted = new Set([...Object.keys(vars), ...buckets, ...secrets]);
    expect(new Set(Object.keys(cloudflare.bindings))).toEqual(wanted);
    for (const { description } of Object.values(cloudflare.bindings)) expect(description).toMatch(/^[A-Z].*\.$/);
  });
});
