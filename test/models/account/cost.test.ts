/** What a month costs. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { monthAs, monthlyCost, worstMonth } from '../../../models/account/cost.ts';
import { ROOT } from '../../../models/account/wrangler.ts';
import type { Manifest } from '../../../src/model/manifest.ts';

/** ALBERT-base, without attention and head: 12 × (4 × 768² + 2 × 768 × 3072) multiply-adds a token, 85 million. */
const ALBERT_BASE: Manifest['architecture'] = {
  family: 'albert',
  vocab_size: 30_000,
  embedding_size: 128,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
};

describe('the cost of a month', () => {
  it('is the plan alone within what is included', () => {
    expect(monthlyCost(ALBERT_BASE, { requests: 100_000, tokens: 16, hitRate: 0 })).toMatchObject({
      requests: 0,
      cpu: 0,
      total: 5,
    });
  });

  it('counts requests and CPU time beyond that, on a host of 20 billion multiply-adds a second', () => {
    const { cpuMsPerMiss, cpuMs, requests, cpu, total } = monthlyCost(ALBERT_BASE, {
      requests: 20e6,
      tokens: 100,
      hitRate: 0.5,
    });
    // 8.5 billion for 100 tokens are 0.425 s.
    expect(cpuMsPerMiss).toBeGreaterThan(425);
    expect(cpuMsPerMiss).toBeLessThan(460);
    expect(cpuMs).toBeCloseTo(10e6 * (0.4 + cpuMsPerMiss), 0);
    expect(requests).toBeCloseTo(3, 9);
    expect(cpu).toBeCloseTo((cpuMs - 30e6) * 0.02e-6, 9);
    expect(total).toBeCloseTo(5 + requests + cpu, 9);
  });

  it('falls with the share of the cache to that of requests without the model', () => {
    const cached = monthlyCost(ALBERT_BASE, { requests: 20e6, tokens: 100, hitRate: 1 });
    expect(cached.cpuMs).toBeCloseTo(0.4 * 20e6, 0);
    expect(cached.cpu).toBe(0);
  });
});

it('a month like the measured hours is that many times as much, at the prices', () => {
  // A day of 1 million requests, and 31 such days: 31 million requests, and 12.4 + 155 million milliseconds.
  const { cpuMs, total } = monthAs({ requests: 1e6, multiply_adds: 100e12, hours: 24 });
  expect(cpuMs).toBeCloseTo(0.4e6 + 5e6, 3);
  expect(total).toBeCloseTo(5 + 0.3 * 21 + 0.02 * (31 * 5.4 - 30), 6);
});

describe('the worst month', () => {
  it('is all units and one that is not charged yet, and the requests beside them', () => {
    // 44,640 minutes: 26.8 million requests, and 30.5 + 0.24 s of CPU time in each minute.
    const requests = 0.3 * (26.784 - 10);
    const cpu = 0.02 * (44_640 * 0.03074 - 30);
    expect(worstMonth({ requests: 600, units: 60 })).toBeCloseTo(5 + requests + cpu, 6);
  });

  it('is the plan alone where hardly anything is allowed', () => {
    expect(worstMonth({ requests: 1, units: 0 })).toBe(5);
  });
});

it('is what npm run cost prints for the example of docs/deploying.md, and nothing else', async () => {
  const text = await readFile(join(ROOT, 'docs/deploying.md'), 'utf8');
  const [, example = ''] = /npm run cost -- (.*)/.exec(text) ?? [];
  const args = [join(ROOT, 'models/commands/cost.ts'), ...example.split(' ')];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /, 20,000,000 requests a month of 24 tokens, 60 % from a cache\n[^]*at most +\$\d+\.\d\d a month\n$/,
  );
});
