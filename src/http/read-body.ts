/** The one place that decides what a body is: its type, its encoding and its charset become a text. Does I/O. */
import type { HonoRequest } from 'hono';

import { MAX_BODY_BYTES } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import type { HttpError } from './describe-error.ts';

/** What a request says of its body. */
interface BodyType {
  /** The media type in lower case; undefined where there is none. */
  readonly media: string | undefined;
  /** As the header `content-type` has it. */
  readonly charset: string | undefined;
}

export function bodyType(header: string | undefined): BodyType {
  const [, quoted, plain] = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]+))/i.exec(header ?? '') ?? [];
  return {
    media: header?.split(';', 1)[0]?.trim().toLowerCase() || undefined,
    charset: (quoted ?? plain)?.trim() || undefined,
  };
}

/** Types under which clients send JSON. A body of another type may be JSON too, but if it is not, the type is what is wrong. */
const MAY_BE_JSON = /^(?:(?:application|text)\/(?:[\w.-]+\+)?json|text\/plain|application\/octet-stream)$/;

export const mayBeJson = ({ media }: BodyType): boolean => media === undefined || MAY_BE_JSON.test(media);

/** Decodes the body by its `content-encoding` (RFC 9110, 8.4) and its charset. */
export async function readBody(request: HonoRequest, type: BodyType): Promise<Result<string, HttpError>> {
  const declared = decoderOf(type.charset ?? 'utf-8');
  if (!declared) {
    const received = request.header('content-type') ?? '';
    return fail({ reason: 'unsupported_media_type', received, charset: type.charset ?? '' });
  }
  const bytes = await readBytes(request);
  if (!bytes.ok) return bytes;
  const marked = charsetOfMark(bytes.value);
  const decoder = marked === undefined ? declared : new TextDecoder(marked, STRICT);
  try {
    return ok(decoder.decode(bytes.value));
  } catch {
    const message = `The body is not valid ${decoder.encoding.toUpperCase()}. Send it in UTF-8, or name its charset in the header "content-type".`;
    return fail({ reason: 'invalid_json', message });
  }
}

const STRICT = { fatal: true, ignoreBOM: false };

/** @returns undefined for a charset that the runtime does not know */
function decoderOf(charset: string): TextDecoder | undefined {
  try {
    return new TextDecoder(charset, STRICT);
  } catch {
    return undefined;
  }
}

/** A byte order mark goes before the header (Encoding Standard, "decode"). */
function charsetOfMark([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return first === 0xff && second === 0xfe ? 'utf-16le' : undefined;
}

/** The size limit holds for the bytes as they arrive and as they are decoded. */
async function readBytes(request: HonoRequest): Promise<Result<Uint8Array, HttpError>> {
  const encoding = (request.header('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
    return fail({ reason: 'unsupported_content_encoding', received: encoding });
  }
  const declared = request.header('content-length');
  if (Number(declared) > MAX_BODY_BYTES) return fail({ reason: 'body_too_large', limit: MAX_BODY_BYTES });
  try {
    // The runtime holds a body to its declared length.
    if (encoding === 'identity' && declared !== undefined) return ok(new Uint8Array(await request.arrayBuffer()));
    const { body } = request.raw;
    const decoded = encoding === 'identity' ? body : body?.pipeThrough(new DecompressionStream(encoding));
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    for await (const chunk of decoded ?? []) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) return fail({ reason: 'body_too_large', limit: MAX_BODY_BYTES });
      chunks.push(chunk);
    }
    return ok(new Uint8Array(await new Blob(chunks).arrayBuffer()));
  } catch {
    if (request.raw.signal.aborted) return fail({ reason: 'client_closed' });
    const message =
      encoding === 'identity'
        ? 'The body broke off. Send it again.'
        : `The body is not valid ${encoding}, which its content-encoding says. Send it encoded so, or without the header.`;
    return fail({ reason: 'invalid_json', message });
  }
}
