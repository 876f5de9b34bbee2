/**
 * A server that imitates the Hub, with a storage for large files on another port: the routes that `@huggingface/hub` calls, and
 * their faults. For tests.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** One request and its response. */
interface Seen {
  readonly at: 'hub' | 'storage';
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly time: number;
  status: number;
  /** Bytes of content written to the connection. */
  sent: number;
}

export interface HostedModel {
  /** `<owner>/<name>` */
  name: string;
  /** 40 hex digits. The default branch is `main`. */
  commit: string;
  /** Each by its path. */
  files: Record<string, Uint8Array>;
  card?: Record<string, unknown>;
  /**
   * The storage of large files; by default Xet, which the Hub names to clients that support it. Hugging Face's library asks a
   * content delivery network directly.
   */
  storage?: 'lfs' | 'cdn';
  /** Only this token gets access. */
  gatedFor?: string;
}

/** Faults of one file of the storage. */
interface Trouble {
  /** Ends the connection after as many bytes, as often as this is long. */
  breakAfter?: number[];
  /** Sends nothing more after as many bytes and keeps the connection open, as often as this is long. */
  stallAfter?: number[];
  /** Answers first with these. */
  statuses?: { status: number; retryAfter?: string }[];
  ignoresRange?: boolean;
  /** Answers first with these contents, of which the listing knows nothing. */
  contents?: Uint8Array[];
  /** Sends slower, in bytes a second. */
  bytesPerSecond?: number;
}

const LARGE = 100_000;
const CHUNK = 65_536;
const PAGE = 3;

export interface HubServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly models: HostedModel[];
  /** By the name of the file. */
  readonly troubles: Map<string, Trouble>;
  readonly seen: Seen[];
  /** Responses that replace the Hub's own, by path. */
  readonly answers: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  /** The address of the storage, which is another origin. */
  readonly storage: string;
}

export async function startHub(): Promise<HubServer> {
  const models: HostedModel[] = [];
  const troubles = new Map<string, Trouble>();
  const seen: Seen[] = [];
  const answers: HubServer['answers'] = new Map();
  const watch = (
    at: Seen['at'],
    answer: (request: IncomingMessage, response: ServerResponse, noted: Seen) => unknown,
  ) =>
    createServer((request, response) => {
      const { range, authorization } = request.headers;
      const path = decodeURIComponent((request.url ?? '').replace(/\?.*/, ''));
      const noted: Seen = { at, path, range, authorization, time: Date.now(), status: 0, sent: 0 };
      seen.push(noted);
      response.on('close', () => (noted.status = response.statusCode));
      answer(request, response, noted);
    });

  const storage = watch('storage', (request, response, noted) => {
    const [, name = '', path = ''] = /^\/([^/]+\/[^/]+)\/(.+)$/.exec(noted.path) ?? [];
    const model = models.find((one) => one.name === name);
    const bytes = model?.files[path];
    if (!bytes) return void response.writeHead(404).end();
    if (model.storage === 'cdn') response.setHeader('x-cache', 'Hit from cloudfront');
    const trouble = troubles.get(path) ?? {};
    const first = trouble.statuses?.shift();
    if (first) {
      return void response.writeHead(first.status, first.retryAfter ? { 'retry-after': first.retryAfter } : {}).end();
    }
    return sendFile(request, response, noted, trouble.contents?.shift() ?? bytes, trouble);
  });
  const storageAddress = await listen(storage);

  const hub = watch('hub', (request, response, noted) => {
    const endpoint = `http://${request.headers.host}`;
    const other = answers.get(noted.path);
    if (other) return other(request, response);
    const [, cached = '', small = ''] =
      /^\/api\/resolve-cache\/models\/([^/]+\/[^/]+)\/[^/]+\/(.+)$/.exec(noted.path) ?? [];
    const content = models.find((one) => one.name === cached)?.files[small];
    if (content) return sendFile(request, response, noted, content, {}, gitHash(content));

    const [, api, name = '', kind, rest = ''] =
      /^(\/api\/models)?\/([^/]+\/[^/]+)\/(revision|tree|resolve)\/(.+)$/.exec(noted.path) ?? [];
    const model = models.find((one) => one.name === name);
    const trouble = troubles.get(noted.path)?.statuses?.shift();
    if (trouble) {
      const wait = trouble.retryAfter ? { 'retry-after': trouble.retryAfter } : {};
      return refuse(response, trouble.status, 'RateLimited', 'We had to rate limit you', wait);
    }
    // Names are not revealed without a valid token.
    if (!model) {
      return noted.authorization
        ? refuse(response, 404, 'RepoNotFound', 'Repository not found')
        : refuse(response, 401, 'RepoNotFound', 'Invalid username or password.');
    }
    const [revision = '', ...path] = rest.split('/');
    if (!['HEAD', 'main', model.commit].includes(revision)) {
      return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    }
    if (api && kind === 'revision') return send(response, describe(model));
    if (api && kind === 'tree') {
      const from = Number(new URL(request.url ?? '', endpoint).searchParams.get('cursor') ?? 0);
      const more = `<${endpoint}${noted.path}?cursor=${from + PAGE}>; rel="next"`;
      const all = [...listFiles(model), { type: 'directory', path: 'onnx', oid: '0'.repeat(40), size: 0 }];
      return send(response, all.slice(from, from + PAGE), from + PAGE < all.length ? { link: more } : {});
    }
    const file = path.join('/');
    const bytes = model.files[file];
    if (!bytes) return refuse(response, 404, 'EntryNotFound', 'Entry not found');
    if (model.gatedFor && noted.authorization !== `Bearer ${model.gatedFor}`) {
      return refuse(response, noted.authorization ? 403 : 401, 'GatedRepo', `Access to model ${name} is restricted.`);
    }
    if (bytes.length < LARGE) {
      return void response
        .writeHead(307, { location: `/api/resolve-cache/models/${name}/${model.commit}/${file}` })
        .end();
    }
    const linked = {
      'x-linked-etag': `"${sha256(bytes)}"`,
      'x-linked-size': bytes.length,
      'x-repo-commit': model.commit,
    };
    if (!model.storage && request.headers.accept?.includes('application/vnd.xet-fileinfo+json')) {
      return send(
        response,
        {},
        {
          ...linked,
          'content-type': 'application/vnd.xet-fileinfo+json',
          'x-xet-hash': sha256(bytes),
          link: `<${endpoint}/xet>; rel="xet-auth", <${endpoint}/xet>; rel="xet-reconstruction-info"`,
        },
      );
    }
    return void response.writeHead(302, { ...linked, location: `${storageAddress}/${name}/${file}?signed` }).end();
  });

  return {
    endpoint: await listen(hub),
    models,
    troubles,
    seen,
    answers,
    storage: storageAddress,
    async [Symbol.asyncDispose]() {
      for (const server of [hub, storage]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

function describe({ name, commit, card, gatedFor }: HostedModel) {
  return {
    _id: '0',
    id: name,
    sha: commit,
    private: false,
    gated: gatedFor ? 'auto' : false,
    downloads: 0,
    likes: 0,
    lastModified: '2026-01-01T00:00:00.000Z',
    ...(card && { cardData: card }),
  };
}

function listFiles({ files }: HostedModel) {
  return Object.entries(files).map(([path, bytes]) => {
    const { length: size } = bytes;
    const lfs = size < LARGE ? undefined : { oid: sha256(bytes), size, pointerSize: 134 };
    return { type: 'file', path, size, oid: gitHash(bytes), lfs };
  });
}

function send(response: ServerResponse, body: unknown, headers: Record<string, string | number> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  error: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-error-code': code, ...headers });
  response.end(JSON.stringify({ error }));
}

/** With ranges and faults. */
async function sendFile(
  { headers }: IncomingMessage,
  response: ServerResponse,
  noted: Seen,
  bytes: Uint8Array,
  trouble: Trouble,
  etag = sha256(bytes),
): Promise<void> {
  const { length } = bytes;
  const { bytesPerSecond } = trouble;
  const [, first = '0', last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  const tag = `"${etag}"`;
  const ranged = headers.range && !trouble.ignoresRange && (headers['if-range'] ?? tag) === tag;
  const from = ranged ? Number(first) : 0;
  const to = ranged && last ? Math.min(Number(last) + 1, length) : length;
  if (from >= length && length > 0) {
    return void response.writeHead(416, { 'content-range': `bytes */${length}` }).end();
  }
  response.writeHead(ranged ? 206 : 200, {
    etag: tag,
    'content-length': to - from,
    ...(ranged && { 'content-range': `bytes ${from}-${to - 1}/${length}` }),
  });
  const stall = from + (trouble.stallAfter?.shift() ?? Infinity);
  const stop = Math.min(stall, from + (trouble.breakAfter?.shift() ?? Infinity));
  for (let at = from; at < to && !response.destroyed; at += CHUNK) {
    const end = Math.min(at + CHUNK, to, stop);
    await new Promise((written) => response.write(bytes.subarray(at, end), written));
    noted.sent += Math.max(end - at, 0);
    if (end === stop) return void (stall === stop || response.destroy());
    if (bytesPerSecond) await new Promise((later) => setTimeout(later, (1000 * CHUNK) / bytesPerSecond));
  }
  response.end();
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function gitHash(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
