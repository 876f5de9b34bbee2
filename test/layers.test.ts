/** The import graphs of `src/` and `models/`: a layer imports itself and the layers below it. `src/` imports nothing outside. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

/** Lowest first. Folders and files of one layer do not import each other. */
const LAYERS = {
  src: [
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
    ['entrypoint.ts'],
    ['index.ts', 'index.onnxruntime.ts'],
  ],
  models: [
    ['checkpoint'],
    ['tokenizer', 'quantization'],
    ['hub', 'engine', 'onnx'],
    ['bucket', 'build'],
    ['evaluation'],
    ['convert'],
    ['account'],
    ['commands'],
    ['cli.ts'],
  ],
} as const;
type Tree = keyof typeof LAYERS;

const ROOT = join(import.meta.dirname, '..');

/** The folder or file directly in the tree, or `..` for a path outside it. */
const roomOf = (path: string): string => path.split('/', 1)[0] ?? '';
const rankOf = (tree: Tree, room: string): number =>
  LAYERS[tree].findIndex((rooms) => (rooms as readonly string[]).includes(room));

/** @returns what is wrong with an import of a file, both as paths in the tree */
function faultOf(tree: Tree, file: string, imported: string): string | undefined {
  const [from, to] = [roomOf(file), roomOf(imported)];
  if (from === to || (tree === 'models' && imported.startsWith('../src/'))) return undefined;
  const isBelow = rankOf(tree, to) >= 0 && rankOf(tree, to) < rankOf(tree, from);
  return isBelow ? undefined : `${file} imports ${imported}`;
}

function importsOf(tree: Tree, file: string): string[] {
  const text = readFileSync(join(ROOT, tree, file), 'utf8');
  const paths = [...text.matchAll(/(?:^(?:import|export)\b[^;]*?|\bimport\(\s*)['"](\.[^'"]+\.ts)['"]/gm)];
  return paths.map(([, path = '']) => join(dirname(file), path));
}

/** All but generated files. */
const filesOf = (tree: Tree) =>
  globSync('**/*.ts', { cwd: join(ROOT, tree) }).filter((file) => file !== 'env.d.ts' && !file.startsWith('.'));

describe.each(['src', 'models'] as const)('the layers of %s', (tree) => {
  const files = filesOf(tree);

  it('have a place for every file', () => {
    expect(files.filter((file) => rankOf(tree, roomOf(file)) < 0)).toEqual([]);
  });

  it('import only what is below them', () => {
    const imports = files.flatMap((file) => importsOf(tree, file).map((imported) => [file, imported] as const));
    expect(imports.length).toBeGreaterThan(files.length);
    expect(imports.flatMap(([file, imported]) => faultOf(tree, file, imported) ?? [])).toEqual([]);
  });
});

describe('the layers', () => {
  it.each([
    ['src', 'pipelines/score.ts', 'http/errors.ts'],
    ['src', 'model/manifest.ts', 'page/main.ts'],
    ['src', 'inference/engine.ts', '../models/build/build.ts'],
    ['src', 'app.ts', 'index.ts'],
    ['models', 'build/build.ts', 'evaluation/agreement.ts'],
    ['models', 'engine/pack.ts', '../test/models/hub/hub-server.ts'],
  ] as const)('refuse in %s that %s imports %s', (tree, file, imported) => {
    expect(faultOf(tree, file, imported)).toBe(`${file} imports ${imported}`);
  });
});

/** A promise that outlives its request may never settle: see docs/decisions/shared-state.md. The page is not a worker. */
describe('what an isolate keeps', () => {
  /** A field, or a variable in a function too, since what encloses a closure outlives a request. */
  const KEPT =
    /^(?: {2}(?:readonly |static )*#?\w+[!?]?| *(?:export )?(?:let|const) \w+)(?:: | = new )[^;=()]*\bPromise(?:WithResolvers)?</m;

  it('is never a promise', () => {
    const files = filesOf('src').filter((file) => roomOf(file) !== 'page');
    expect(files.filter((file) => KEPT.test(readFileSync(join(ROOT, 'src', file), 'utf8')))).toEqual([]);
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
