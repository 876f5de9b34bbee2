/**
 * The page with an absolute address of its preview image (Open Graph). Programs that show a preview of a link need it so, and only
 * the worker knows its own host.
 */
export function withAbsolutePreview(page: Response, url: string): Response {
  return new HTMLRewriter()
    .on('meta[property="og:image"]', {
      element(meta) {
        meta.setAttribute('content', new URL(meta.getAttribute('content') ?? '', url).href);
      },
    })
    .transform(page);
}
