/** A model repository on the Hub: its commit, its files and their content, through the Hub's own library. Does I/O. */
import { fileDownloadInfo, HubApiError, listFiles, modelInfo } from '@huggingface/hub';

import { MAX_ANSWER_BYTES, MAX_LISTED_FILES, MAX_PAGES, readBody } from './limits.ts';
import type { ListedFile } from './content-hash.ts';

export interface Access {
  /** The address of the Hub, if not the public one. */
  readonly endpoint?: string | undefined;
  readonly token?: string | undefined;
  /** Makes every request. */
  readonly fetch: typeof fetch;
  /** Longest wait for a response of the Hub's API. */
  readonly stallMs: number;
}

/** The name of the request in errors. */
interface Asked {
  readonly name: string;
  readonly revision: string | undefined;
  readonly hubUrl: string;
}

/** A model repository at one commit, unaffected by later pushes. */
export interface Repository {
  /** `<owner>/<name>` in the current spelling of the Hub: repositories can be renamed. */
  readonly hub: string;
  readonly commit: string;
  /** From the model card. */
  readonly license: string;
  /** What is at the top level, with the names of the folders there. */
  list(): Promise<{ files: ListedFile[]; folders: string[] }>;
  /** The content from a byte on. The server may send the whole of it (200), and does if the content is not that of `etag`. */
  open(file: ListedFile, from: number, etag?: string): Promise<Response>;
}

const PUBLIC = 'https://huggingface.co';
const MAX_SAID = 300;

/**
 * @param name `<owner>/<name>`
 * @param revision a branch, a tag or a commit; by default the default branch
 * @throws with the remedy: no such model or revision, a licence to accept, a server that cannot be reached
 */
export async function openRepository(name: string, revision: string | undefined, access: Access): Promise<Repository> {
  const hubUrl = (access.endpoint || PUBLIC).replace(/\/+$/, '');
  if (!URL.canParse(hubUrl)) throw new Error(`HF_ENDPOINT is "${hubUrl}": give an address such as ${PUBLIC}`);
  const common = { hubUrl, fetch: fetchFromHub(hubUrl, access), ...(access.token && { accessToken: access.token }) };
  const asked = { name, revision, hubUrl };
  const explain = (error: unknown): never => {
    if (!(error instanceof HubApiError)) throw error;
    const said = error.data?.['error'];
    throw refusal(error.statusCode, typeof said === 'string' ? said : error.message, asked);
  };

  const info = await modelInfo({
    name,
    ...(revision && { revision }),
    additionalFields: ['sha', 'cardData'],
    ...common,
  }).catch(explain);
  if (!/^[\w.-]+\/[\w.-]+$/.test(info.name) || !/^[0-9a-f]{40}$/.test(info.sha)) {
    throw new Error(`${hubUrl} says that ${name} is "${info.name}" at "${info.sha}", which is not a model at a commit`);
  }
  const repo = { type: 'model', name: info.name } as const;
  const at = { repo, revision: info.sha, ...common };

  return {
    hub: info.name,
    commit: info.sha,
    license: licenseOf(info.cardData),
    async list() {
      try {
        const files: ListedFile[] = [];
        const folders: string[] = [];
        let pages = 0;
        const counted: typeof fetch = (input, init) => {
          if (++pages > MAX_PAGES) throw new Error(`${name} lists its files in more than ${MAX_PAGES} pages`);
          return at.fetch(input, init);
        };
        for await (const { type, path, size, oid, lfs } of listFiles({ ...at, fetch: counted })) {
          if (files.length + folders.length >= MAX_LISTED_FILES) {
            throw new Error(`${name} lists more than ${MAX_LISTED_FILES} files`);
          }
          if (type === 'directory') folders.push(path);
          if (type !== 'file') continue;
          const file = { name: path, bytes: lfs?.size ?? size, oid: lfs?.oid ?? oid ?? '' };
          // The hash becomes part of a path, and the size limits what is written.
          if (
            !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(file.oid) ||
            !(Number.isSafeInteger(file.bytes) && file.bytes >= 0)
          ) {
            throw new Error(`${name} lists "${path}" with ${file.bytes} bytes and the hash "${file.oid}"`);
          }
          files.push(file);
        }
        return { files, folders };
      } catch (error) {
        return explain(error);
      }
    },
    async open(file, from, etag) {
      const place = await fileDownloadInfo({ path: file.name, ...at }).catch(explain);
      if (!place) throw new Error(`${name} lists ${file.name} and does not have it`);
      const response = await access.fetch(place.url, {
        headers: {
          // Compressed bytes could be neither counted nor resumed.
          'accept-encoding': 'identity',
          ...(from > 0 && { range: `bytes=${from}-` }),
          ...(from > 0 && etag && { 'if-range': etag }),
          // The library may name another host. `fetch` itself drops the token on a redirect to another origin.
          ...(access.token && originOf(place.url) === originOf(hubUrl) && { authorization: `Bearer ${access.token}` }),
        },
      });
      if (response.ok || response.status === 416) return response;
      await response.body?.cancel();
      throw refusal(response.status, `${file.name} at ${new URL(response.url).host}`, asked);
    },
  };
}

/**
 * @returns `fetch` for the library. It adds the token to requests to the Hub itself only, although a list of files can name
 *   any address as its next page
 */
function fetchFromHub(hubUrl: string, { fetch: patientFetch, stallMs }: Access): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    if (originOf(url) !== originOf(hubUrl)) {
      throw new Error(`${hubUrl} continues its list at ${originOf(url)}: requests to another host are refused`);
    }
    const response = await patientFetch(url, init);
    // A file, of which only the headers matter here.
    const isProbe = new Headers(init?.headers).has('range') && response.ok;
    if (isProbe) await response.body?.cancel();
    const body = isProbe ? null : await readBody(response, MAX_ANSWER_BYTES, stallMs);
    // `new Response` refuses 204 with a body, and has no URL.
    const { status, headers } = response;
    return Object.defineProperty(new Response(body?.length ? body : null, { status, headers }), 'url', {
      value: response.url,
    });
  };
}

function refusal(status: number, said: string, { name, revision, hubUrl }: Asked): Error {
  const problems: Record<number, string> = {
    401:
      `${name} does not exist, or is gated: accept its licence at ${hubUrl}/${name} and set HF_TOKEN to a token ` +
      `of that account`,
    404: revision ? `there is no model ${name}, or no revision ${revision} of it` : `there is no model ${name}`,
    429: 'the Hub limits the rate of requests: try again later, or set HF_TOKEN',
  };
  const problem = problems[status === 403 ? 401 : status] ?? `${name} cannot be read`;
  return new Error(`${problem} (${status}: ${said.slice(0, MAX_SAID)})`);
}

function licenseOf(card: Awaited<ReturnType<typeof modelInfo<'cardData'>>>['cardData']): string {
  // "other" is the Hub's value for a licence with a name of its own.
  const license = card?.license === 'other' ? (card.license_name ?? card.license) : card?.license;
  return [license ?? []].flat().join(', ') || 'unknown';
}

const originOf = (url: string): string => new URL(url).origin;
