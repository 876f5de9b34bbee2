/**
 * Bundles the page and the API documentation for the browser, and writes openapi.json: `node src/page/bundle.ts`. Wrangler runs it
 * before it bundles the worker. All files are served from here; none come from another host.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');
const SOURCES = join(root, 'src/page');
const SWAGGER = join(root, 'node_modules/swagger-ui-dist');

/** The assets directory that wrangler.toml names. */
export const PAGE_FOLDER = join(SOURCES, '.build');

/** What a visitor of `/` loads. */
export const PAGE_FILES = ['index.html', 'page.css', 'page.js', 'icon.svg'] as const;

const COPIED = {
  'index.html': join(SOURCES, 'index.html'),
  'icon.svg': join(SOURCES, 'icon.svg'),
  'preview.png': join(SOURCES, 'preview.png'),
  'docs.html': join(SOURCES, 'docs.html'),
  _headers: join(SOURCES, '_headers'),
  'swagger-ui/swagger-ui-bundle.js': join(SWAGGER, 'swagger-ui-bundle.js'),
  'swagger-ui/swagger-ui-bundle.js.LICENSE.txt': join(SWAGGER, 'swagger-ui-bundle.js.LICENSE.txt'),
  'swagger-ui/swagger-ui.css': join(SWAGGER, 'swagger-ui.css'),
  'swagger-ui/LICENSE': join(SWAGGER, 'LICENSE'),
  'swagger-ui/NOTICE': join(SWAGGER, 'NOTICE'),
};

const BUNDLED = {
  'page.js': join(SOURCES, 'main.ts'),
  'page.css': join(SOURCES, 'style.css'),
  'docs.js': join(SOURCES, 'docs.ts'),
};

const OPENAPI = 'openapi.json';

/** The files that the last build read. It is written last, so it also marks a complete build and its time. */
const INPUTS = '.inputs.json';
const UNSERVED = '.assetsignore';

/**
 * Bundles the page, unless no input has changed since the last build.
 * @throws with the message of esbuild
 */
export async function buildPage(): Promise<void> {
  if (await isCurrent()) return;

  // Build in another folder, since wrangler serves the one and watches the other: each file appears complete or not at all.
  const staging = join(root, '.wrangler', `page-${randomUUID()}`);
  try {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: Object.entries(BUNDLED).map(([name, source]) => ({ in: source, out: name.replace(/\.\w+$/, '') })),
      outdir: staging,
      bundle: true,
      minify: true,
      metafile: true,
      format: 'esm',
      // Intl.Segmenter is the newest feature that the page uses (Firefox 125).
      target: ['chrome116', 'firefox125', 'safari17.4'],
      logLevel: 'silent',
    });
    for (const [name, source] of Object.entries(COPIED)) {
      await mkdir(dirname(join(staging, name)), { recursive: true });
      await copyFile(source, join(staging, name));
    }
    await writeFile(join(staging, UNSERVED), `${UNSERVED}\n${INPUTS}\n`);
    const described = await describeApi(staging);
    const bundled = [...Object.keys(metafile.inputs), ...described].map((path) => join(root, path));
    await writeFile(join(staging, INPUTS), JSON.stringify([...bundled, ...Object.values(COPIED)]));

    const names = [...Object.keys(BUNDLED), ...Object.keys(COPIED), OPENAPI, UNSERVED, INPUTS];
    for (const name of names) {
      await mkdir(dirname(join(PAGE_FOLDER, name)), { recursive: true });
      // Leave unchanged files alone: replacing one restarts a worker that serves it.
      if (name === INPUTS || !(await isSame(join(staging, name), join(PAGE_FOLDER, name)))) {
        await rename(join(staging, name), join(PAGE_FOLDER, name));
      }
    }
    // Remove what an older build left: it would be served too.
    for (const entry of await readdir(PAGE_FOLDER, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && !names.some((name) => join(PAGE_FOLDER, name) === file)) await rm(file);
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Writes the OpenAPI document. Its code is bundled first, which lists the files that it depends on.
 * @returns these files
 */
async function describeApi(folder: string): Promise<string[]> {
  const script = join(folder, 'openapi.mjs');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'src/http/openapi.ts')],
    outfile: script,
    bundle: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
  });
  const { createOpenApiDocument } = (await import(pathToFileURL(script).href)) as {
    createOpenApiDocument: () => object;
  };
  await writeFile(join(folder, OPENAPI), JSON.stringify(createOpenApiDocument()));
  return Object.keys(metafile.inputs);
}

/** Whether the last build is complete and newer than its inputs, this script and the installed packages. */
async function isCurrent(): Promise<boolean> {
  const file = join(PAGE_FOLDER, INPUTS);
  const inputs = await readFile(file, 'utf8').catch(() => undefined);
  if (inputs === undefined) return false;
  const times = [...(JSON.parse(inputs) as string[]), join(root, 'package-lock.json'), import.meta.filename].map(mtime);
  return (await mtime(file)) > Math.max(...(await Promise.all(times)));
}

/** @returns milliseconds since the epoch, infinity for a missing file: an input that is gone makes a build stale */
const mtime = async (file: string): Promise<number> =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => Infinity,
  );

async function isSame(one: string, other: string): Promise<boolean> {
  const existing = await readFile(other).catch(() => undefined);
  return existing !== undefined && existing.equals(await readFile(one));
}

if (import.meta.main) await buildPage();
