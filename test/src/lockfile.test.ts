/** The lock must serve `npm ci` on other machines than the one that wrote it. */
import { describe, expect, it } from 'vitest';

import lock from '../../package-lock.json' with { type: 'json' };

const packages = Object.entries(
  lock.packages as Record<string, { version?: string; resolved?: string; optionalDependencies?: object }>,
);

describe('package-lock.json', () => {
  it('names workerd for every platform, in one version', () => {
    const platforms = packages.filter(([path]) => path.includes('@cloudflare/workerd-'));
    expect(platforms.map(([path]) => path.replace(/.*\/workerd-/, '')).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'darwin-64',
      'darwin-arm64',
      'linux-64',
      'linux-arm64',
      'windows-64',
    ]);
    const workerd = packages.filter(([path]) => /(^|\/)node_modules\/workerd$/.test(path));
    expect(workerd).toHaveLength(1);
    expect(new Set(platforms.map(([, { version }]) => version))).toEqual(new Set([workerd[0]?.[1].version]));
  });

  it('has every optional package that another asks for: without, npm ci of npm 11 and later fails', () => {
    const asked = packages.flatMap(([, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}));
    const locked = new Set(packages.map(([path]) => path.replace(/^.*node_modules\//, '')));
    expect(asked.filter((name) => !locked.has(name))).toEqual([]);
    expect(asked.length).toBeGreaterThan(50);
  });

  it('names no registry', () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});
