/**
 * Runs tests with one mutant after the other, as a process of its own, so that the parent can end what never ends. Vitest stays
 * warm between the mutants, and the mutant exists in its memory only: no file changes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { TestProjectInlineConfiguration } from 'vitest/config';
import { createVitest } from 'vitest/node';

import config from '../../vitest.config.ts';
import type { Mutant } from './find-mutants.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What the parent sends. */
export interface Order {
  readonly mutant: Mutant | undefined;
  /** A path below the root. */
  readonly test: string;
}

/** What it gets. */
export interface Report {
  /** The first test that failed. */
  readonly failed: string | undefined;
  /** Whether the mutant was loaded. */
  readonly isApplied: boolean;
  /** Why there was no run. */
  readonly error?: string;
}

let mutant: Mutant | undefined;
let isApplied = false;
const plugin = {
  name: 'mutant',
  enforce: 'pre' as const,
  transform(code: string, id: string) {
    if (!mutant || id.replace(/\?.*/, '') !== join(ROOT, mutant.file)) return undefined;
    // The offsets are those of the file.
    if (code !== readFileSync(join(ROOT, mutant.file), 'utf8'))
      throw new Error(`${id} is transformed before it is mutated`);
    isApplied = true;
    return { code: code.slice(0, mutant.start) + mutant.text + code.slice(mutant.end), map: null };
  },
};

const found = config.test?.projects?.find(
  (one): one is TestProjectInlineConfiguration =>
    typeof one === 'object' && 'test' in one && one.test.name === process.argv[2],
);
if (!found) throw new Error(`there is no project ${process.argv[2]}`);
const project: TestProjectInlineConfiguration = {
  ...found,
  plugins: [plugin, ...(found.plugins ?? [])],
  // Otherwise what is transformed without a mutant comes from the disk.
  test: { ...found.test, maxWorkers: 1, fsModuleCache: false },
};
const vitest = await createVitest(
  { root: ROOT, config: false, watch: false, reporters: [{}], bail: 1 },
  { test: { projects: [project] } },
);
await vitest.standalone();

async function run({ mutant: next, test }: Order): Promise<Report> {
  const changed = [mutant?.file, next?.file];
  [mutant, isApplied] = [next, false];
  for (const file of changed) if (file) vitest.invalidateFile(join(ROOT, file));
  const path = join(ROOT, test);
  const specifications = vitest.projects.map((one) => one.createSpecification(path));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  // Those of earlier runs are among them.
  for (const module of testModules.filter(({ moduleId }) => moduleId === path)) {
    for (const one of module.children.allTests('failed')) return { failed: one.fullName, isApplied };
    if (!module.ok()) return { failed: module.errors()[0]?.message ?? 'the file', isApplied };
  }
  return { failed: unhandledErrors.length > 0 ? String(unhandledErrors[0]) : undefined, isApplied };
}

process.on('message', (order: Order) => {
  void run(order).then(
    (report) => process.send?.(report),
    (error: unknown) => process.send?.({ failed: undefined, isApplied: false, error: String(error) } satisfies Report),
  );
});
process.send?.('ready');
