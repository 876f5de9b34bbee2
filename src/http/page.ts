/** The page and the API documentation, which are static files. Their links are relative, so that they work below any path. */
import type { Context } from 'hono';

import { basePathOf } from './base-path.ts';
import type { Worker } from './worker.ts';

/** @param path of the file in the assets, which know no BASE_PATH */
export function readAsset(c: Context<Worker>, path: string): Promise<Response> {
  const url = new URL(c.req.url);
  url.pathname = path;
  return c.env.ASSETS.fetch(new Request(url, c.req.raw));
}

/** Other files than the documents. Without BASE_PATH the platform serves them itself, since their paths are those of the assets. */
export async function findAsset(c: Context<Worker>): Promise<Response | undefined> {
  if (basePathOf(c) === '' || !['GET', 'HEAD'].includes(c.req.method)) return undefined;
  const file = await readAsset(c, c.req.path);
  return file.status === 404 ? undefined : file;
}

/** The page. At `/masks` its relative links would lead beside `/masks/`, so that a request without the slash is redirected. */
export async function respondPage(c: Context<Worker>): Promise<Response> {
  const { pathname, search, href } = new URL(c.req.url);
  if (!pathname.endsWith('/')) return c.redirect(`${pathname.slice(pathname.lastIndexOf('/') + 1)}/${search}`, 307);
  return withAbsolutePreview(await readAsset(c, '/index.html'), href);
}

/** The API documentation. For the same reason it has no slash at the end. */
export async function respondDocs(c: Context<Worker>): Promise<Response> {
  if (new URL(c.req.url).pathname.endsWith('/')) return c.redirect('../docs', 307);
  return readAsset(c, '/docs.html');
}

/** Programs that show a preview of a link need an absolute address of its image (Open Graph), and only the worker knows its own host. */
function withAbsolutePreview(page: Response, url: string): Response {
  return new HTMLRewriter()
    .on('meta[property="og:image"]', {
      element(meta) {
        meta.setAttribute('content', new URL(meta.getAttribute('content') ?? '', url).href);
      },
    })
    .transform(page);
}
