/** Where a worker answers. No I/O. */

/** A path that every deployment answers. */
const PATH = '/fill-mask';

/**
 * The address that a route of wrangler.toml leads to the worker from.
 * @param pattern as in `example.com/*`, `*.example.com/*`, or the name of a custom domain
 * @param basePath BASE_PATH of the worker; empty at the root
 * @returns undefined where no request of the worker's paths matches, or where the host is open
 */
export function addressOfRoute(pattern: string, basePath: string): string | undefined {
  const { host, path } = partsOf(pattern);
  // `*example.com` is the domain and all below it, `*.example.com` only those below.
  const named = host.replace(/^\*(?!\.)/, '');
  if (!named || named.includes('*') || !matches(path, basePath + PATH)) return undefined;
  return `https://${named}${basePath}`;
}

/** Why a route has no address, for a person. */
export function explainRoute(pattern: string, basePath: string): string {
  const { path } = partsOf(pattern);
  return matches(path, basePath + PATH)
    ? `The route ${pattern} has many hosts: ask one of them.`
    : `The route ${pattern} does not lead to ${basePath}${PATH}, where the worker answers: end it with /*, or name the whole path.`;
}

function partsOf(pattern: string): { host: string; path: string } {
  const [, host = '', path = '/*'] = /^(?:https?:\/\/)?([^/]*)(\/.*)?$/.exec(pattern) ?? [];
  return { host, path };
}

function matches(path: string, wanted: string): boolean {
  const parts = path.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(wanted);
}
