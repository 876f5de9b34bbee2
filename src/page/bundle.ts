/**
 * Bundles what a browser is served, the page and the documents of the API: `node src/page/bundle.ts`, which wrangler runs before it
 * bundles. Everything comes from here, nothing from another host.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');
const SOURCES = join(root, 'src/page');
const SWAGGER = join(root, 'node_modules/swagger-ui-dist');

/** What wrangler.toml names as the directory of the assets. */
export const PAGE_FOLDER = join(SOURCES, '.build');

/** What a visitor of `/` loads. */
export const PAGE_FILES = ['index.html', 'page.css', 'page.js', 'icon.svg'] as const;

/** As they are. */
const COPIED = {
  'index.html': join(SOURCES, 'index.html'),
  'icon.svg': join(SOURCES, 'icon.svg'),
  'docs.html': join(SOURCES, 'docs.html'),
  _headers: join(SOURCES, '_headers'),
  'swagger-ui/swagger-ui-bundle.js': join(SWAGGER, 'swagger-ui-bundle.js'),
  'swagger-ui/swagger-ui-bundle.js.LICENSE.txt': join(SWAGGER, 'swagger-ui-bundle.js.LICENSE.txt'),
  'swagger-ui/swagger-ui.css': join(SWAGGER, 'swagger-ui.css'),
  'swagger-ui/LICENSE': join(SWAGGER, 'LICENSE'),
  'swagger-ui/NOTICE': join(SWAGGER, 'NOTICE'),
};

/** Through esbuild. */
const BUNDLED = {
  'page.js': join(SOURCES, 'main.ts'),
  'page.css': join(SOURCES, 'style.css'),
  'docs.js': join(SOURCES, 'docs.ts'),
};

/** Written last: it says that all others are there, and how old they are. */
const STAMP = join(PAGE_FOLDER, '.assetsignore');
const NOT_SERVED = '.assetsignore\n';

/**
 * Bundles the page, unless that was done since the sources changed.
 * @throws with what esbuild says
 */
export async function buildPage(): Promise<void> {
  const sources = (await readdir(SOURCES)).filter((name) => /\.(?:ts|css|html|svg)$|^_/.test(name));
  const shared = ['src/tokenizer/masks.ts', 'src/tokenizer/unicode.ts', 'package-lock.json'];
  const files = [...sources.map((name) => join(SOURCES, name)), ...shared.map((name) => join(root, name))];
  const times = await Promise.all([...files, import.meta.filename].map(changed));
  if ((await changed(STAMP)) > Math.max(...times)) return;

  // Elsewhere first, since wrangler serves the one folder and watches the other: a file is there as a whole or not at all.
  const part = join(root, '.wrangler', `page-${randomUUID()}`);
  try {
    await build({
      entryPoints: Object.entries(BUNDLED).map(([name, source]) => ({ in: source, out: name.replace(/\.\w+$/, '') })),
      outdir: part,
      bundle: true,
      minify: true,
      format: 'esm',
      // AbortSignal.any is the newest thing in it.
      target: ['chrome116', 'firefox124', 'safari17.4'],
      logLevel: 'silent',
    });
    for (const [name, source] of Object.entries(COPIED)) {
      await mkdir(dirname(join(part, name)), { recursive: true });
      await copyFile(source, join(part, name));
    }
    await writeFile(join(part, '.assetsignore'), NOT_SERVED);
    const names = [...Object.keys(BUNDLED), ...Object.keys(COPIED), '.assetsignore'];
    for (const name of names) {
      await mkdir(dirname(join(PAGE_FOLDER, name)), { recursive: true });
      // What did not change is left alone: a worker that is being served would start anew.
      if (name === '.assetsignore' || !(await isSame(join(part, name), join(PAGE_FOLDER, name)))) {
        await rename(join(part, name), join(PAGE_FOLDER, name));
      }
    }
    // What a build of earlier sources left there would be served too.
    for (const entry of await readdir(PAGE_FOLDER, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && !names.some((name) => join(PAGE_FOLDER, name) === file)) await rm(file);
    }
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

const changed = async (file: string): Promise<number> =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

async function isSame(one: string, other: string): Promise<boolean> {
  const there = await readFile(other).catch(() => undefined);
  return there !== undefined && there.equals(await readFile(one));
}

if (import.meta.main) await buildPage();
