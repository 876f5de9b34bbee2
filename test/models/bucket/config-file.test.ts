/** wrangler.toml: its environments agree, and `use` changes all of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { type Unstable_Config as Config, unstable_readConfig as readConfig } from 'wrangler';

import { DEFAULT_MAX_REQUEST_WORK, SLOW_WORK_PER_SECOND } from '../../../src/limits.ts';
import { withModel } from '../../../models/bucket/config-file.ts';

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
    const after = withModel(before, 'other@0123456789abcdef');
    const changed = after.split('\n').filter((line, i) => line !== before.split('\n')[i]);
    const { definedEnvironments = [] } = readConfig({ config: CONFIG });
    expect(changed).toEqual(['', ...definedEnvironments].map(() => 'MODEL = "other@0123456789abcdef"'));
    expect(withModel(after, 'other@0123456789abcdef')).toBe(after);
  });

  it('is refused if there is no such line', () => {
    expect(() => withModel('# MODEL = "a@b"\n', 'a@b')).toThrow('wrangler.toml has no line MODEL');
  });
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

it('the limit of CPU time is twice what a request may ask for, on a slow host', () => {
  const { limits } = readConfig({ config: CONFIG });
  expect(limits?.cpu_ms).toBe((2 * 1000 * DEFAULT_MAX_REQUEST_WORK) / SLOW_WORK_PER_SECOND);
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
