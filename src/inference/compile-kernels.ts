/**
 * Compiles the engine's kernels: `node src/inference/compile-kernels.ts`, which wrangler runs before it bundles. SIMD=plain leaves out relaxed
 * SIMD, for a host that does not have it: a script with a module that does not compile never starts.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';

import { kernelConstants } from './efm-format.ts';

export const BUILDS = ['relaxed', 'plain'] as const;
export type Build = (typeof BUILDS)[number];

const root = join(import.meta.dirname, '../..');
const SOURCES = join(root, 'src/inference/kernels');
const FORMAT = join(root, 'src/inference/efm-format.ts');
const FOLDER = join(root, 'src/inference/.build');
const COMPILER = join(root, 'node_modules/assemblyscript/bin/asc.js');

/**
 * Compiles a build, unless there is one that is newer than the sources and the compiler.
 * @param entry the engine, or only its inner loop, for a benchmark
 * @param named whether functions keep their names, for a profile
 * @returns the file
 * @throws with what the compiler says
 */
export async function compileKernels(
  build: Build,
  entry: 'index' | 'bare-loop' = 'index',
  named = false,
): Promise<string> {
  const file = join(FOLDER, `${entry === 'index' ? 'engine' : entry}-${build}${named ? '-named' : ''}.wasm`);
  const sources = (await readdir(SOURCES)).map((name) => join(SOURCES, name));
  const times = await Promise.all([...sources, FORMAT, import.meta.filename, COMPILER].map(changed));
  if ((await changed(file)) > Math.max(...times)) return file;

  await mkdir(FOLDER, { recursive: true });
  await writeConstants();
  const part = `${file}.${randomUUID()}`;
  const features = build === 'relaxed' ? ['simd', 'relaxed-simd'] : ['simd'];
  try {
    await promisify(execFile)(process.execPath, [
      COMPILER,
      relative(root, join(SOURCES, `${entry}.ts`)),
      `--baseDir=${root}`,
      `--outFile=${relative(root, part)}`,
      // No collector and no allocator: the kernels lay their memory out themselves.
      '--runtime=stub',
      '--noAssert',
      '--use=abort=',
      '--optimizeLevel=3',
      '--converge',
      ...(named ? ['--debug'] : []),
      ...features.map((feature) => `--enable=${feature}`),
    ]);
  } catch (error) {
    await rm(part, { force: true });
    throw new Error(`the kernels do not compile: ${(error as { stderr: string }).stderr}`, { cause: error });
  }
  await rename(part, file);
  return file;
}

/** Writes what the kernels know of the file format, where kernels/model.ts imports it. */
async function writeConstants(): Promise<void> {
  const lines = Object.entries(kernelConstants()).map(([name, value]) => `export const ${name}: i32 = ${value};\n`);
  const file = join(FOLDER, 'efm-constants.ts');
  const part = `${file}.${randomUUID()}`;
  await writeFile(part, lines.join(''));
  await rename(part, file);
}

const changed = async (file: string): Promise<number> =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

/** The kernels of one build, compiled by Node. */
export async function kernelModule(build: Build): Promise<WebAssembly.Module> {
  return WebAssembly.compile(new Uint8Array(await readFile(await compileKernels(build))));
}

/** Compiles a build under the name that `src/index.ts` imports. */
export async function selectKernels(build: Build): Promise<void> {
  const part = join(FOLDER, randomUUID());
  await copyFile(await compileKernels(build), part);
  await rename(part, join(FOLDER, 'engine.wasm'));
}

if (import.meta.main) {
  const wanted = process.env['SIMD'] || 'relaxed';
  const build = BUILDS.find((name) => name === wanted);
  if (build) {
    await selectKernels(build);
  } else {
    console.error(`SIMD is "${wanted}": set it to ${BUILDS.join(' or ')}`);
    process.exitCode = 2;
  }
}
