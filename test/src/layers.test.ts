/** The import graph of `src/`: a layer imports itself and the layers below it, and nothing outside `src/`. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { describe, expect, it } from 'vitest';

/** Lowest first. Folders and files of one layer do not import each other. */
const LAYERS = [
  ['limits.ts', 'result.ts', 'errors.ts', 'concurrency'],
  ['schemas'],
  ['inference'],
  ['tokenizer'],
  ['model', 'page'],
  ['predict'],
  ['cache'],
  ['pipelines'],
  ['http'],
  ['app.ts'],
  ['index.ts', 'index.onnxruntime.ts'],
];

const SOURCE = join(import.meta.dirname, '../../src');

/** The folder or file directly in `src/`, or `..` for a path outside it. */
const roomOf = (path: string): string => path.split('/', 1)[0] ?? '';
const rankOf = (room: string): number => LAYERS.findIndex((rooms) => rooms.includes(room));

/** @returns what is wrong with an import of a file, both as paths in `src/` */
function faultOf(file: string, imported: string): string | undefined {
  const [from, to] = [roomOf(file), roomOf(imported)];
  if (from === to) return undefined;
  return rankOf(to) >= 0 && rankOf(to) < rankOf(from) ? undefined : `${file} imports ${imported}`;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  const paths = [...text.matchAll(/^(?:import|export)\b[^;]*?['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]/gm)];
  return paths.map(([, path = '', lazy = '']) => relative(SOURCE, join(SOURCE, dirname(file), path || lazy)));
}

/** All but the generated types of the bindings. */
const FILES = globSync('**/*.ts', { cwd: SOURCE }).filter((file) => file !== 'env.d.ts');

describe('the layers of src', () => {
  it('have a place for every file', () => {
    expect(FILES.filter((file) => rankOf(roomOf(file)) < 0)).toEqual([]);
  });

  it('import only what is below them', () => {
    const imports = FILES.flatMap((file) => importsOf(file).map((imported) => [file, imported] as const));
    expect(imports.length).toBeGreaterThan(FILES.length);
    expect(imports.flatMap(([file, imported]) => faultOf(file, imported) ?? [])).toEqual([]);
  });

  it.each([
    ['pipelines/score.ts', 'http/errors.ts'],
    ['model/manifest.ts', 'page/main.ts'],
    ['inference/engine.ts', '../models/build/build.ts'],
    ['app.ts', 'index.ts'],
  ])('refuse that %s imports %s', (file, imported) => {
    expect(faultOf(file, imported)).toBe(`${file} imports ${imported}`);
  });
});

/** A promise that outlives its request may never settle: see docs/decisions/shared-state.md. The page is not a worker. */
describe('what an isolate keeps', () => {
  /** A field, or a variable in a function too, since what encloses a closure outlives a request. */
  const KEPT =
    /^(?: {2}(?:readonly |static )*#?\w+[!?]?| *(?:export )?(?:let|const) \w+)(?:: | = new )[^;=()]*\bPromise(?:WithResolvers)?</m;

  it('is never a promise', () => {
    const files = FILES.filter((file) => roomOf(file) !== 'page');
    expect(files.filter((file) => KEPT.test(readFileSync(join(SOURCE, file), 'utf8')))).toEqual([]);
  });

  it.each([
    '  readonly #running = 0;\n  #made: Promise<number> | undefined;',
    '  readonly #running: Map<string, Promise<number>>;',
    '  readonly #running = new Map<string, Promise<number>>();',
    'let starting: Promise<void> | undefined;',
    'const made = new WeakMap<object, Promise<void>>();',
    'function deployedModel() {\n  let last: Promise<Backend> | undefined;',
    '    let resolvers: PromiseWithResolvers<void> | undefined;',
  ])('would be noticed in %j', (text) => {
    expect(KEPT.test(text)).toBe(true);
  });
});
