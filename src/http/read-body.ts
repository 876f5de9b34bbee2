/** The one place that decides what a body is: its type, its encoding and its charset become a text. Does I/O. */
import type { HonoRequest } from 'hono';

import { MAX_BODY_BYTES, SMALL_BODY_BYTES } from '../limits.ts';
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

/** Asks whether so many bytes may be held until the whole body is there. */
export type Hold = (bytes: number) => boolean;

/** Decodes the body by its `content-encoding` (RFC 9110, 8.4) and its charset. */
export async function readBody(request: HonoRequest, type: BodyType, hold: Hold): Promise<Result<string, HttpError>> {
  const declared = decoderOf(type.charset ?? 'utf-8');
  if (!declared) {
    const received = request.header('content-type') ?? '';
    return fail({ reason: 'unsupported_media_type', received, charset: type.charset ?? '' });
  }
  const bytes = await readBytes(request, hold);
  if (!bytes.ok) return bytes;
  const marked = charsetOfMark(bytes.value);
  const decoder = (marked === undefined ? undefined : decoderOf(marked)) ?? declared;
  try {
    return ok(decoder.decode(bytes.value));
  } catch {
    const message = `The body is not valid ${decoder.encoding.toUpperCase()}. Send it in UTF-8, or name its charset in the header "content-type".`;
    return fail({ reason: 'invalid_json', message });
  }
}

const STRICT = { fatal: true, ignoreBOM: false };
/** Made once: a decoder forgets everything at the end of each text, damaged ones included. */
const UTF8 = new TextDecoder('utf-8', STRICT);

/** @returns undefined for a charset that the runtime does not know */
function decoderOf(charset: string): TextDecoder | undefined {
  if (charset === 'utf-8') return UTF8;
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
async function readBytes(request: HonoRequest, hold: Hold): Promise<Result<Uint8Array<ArrayBuffer>, HttpError>> {
  const encoding = (request.header('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
    return fail({ reason: 'unsupported_content_encoding', received: encoding });
  }
  const declared = request.header('content-length');
  if (Number(declared) > MAX_BODY_BYTES) return fail({ reason: 'body_too_large', limit: MAX_BODY_BYTES });
  const size = declared === undefined ? SMALL_BODY_BYTES : Number(declared);
  try {
    // The runtime holds no more than is declared, and needs no stream for it.
    const arrived =
      declared !== undefined && size <= SMALL_BODY_BYTES
        ? ok(new Uint8Array(await request.raw.arrayBuffer()))
        : await readAll(request.raw.body ?? undefined, size, hold);
    if (!arrived.ok || encoding === 'identity') return arrived;
    const decoded = new Response(arrived.value).body?.pipeThrough(new DecompressionStream(encoding));
    return await readAll(decoded, SMALL_BODY_BYTES, (bytes) => hold(arrived.value.length + bytes));
  } catch {
    if (request.raw.signal.aborted) return fail({ reason: 'client_closed' });
    const message =
      encoding === 'identity'
        ? 'The body broke off. Send it again.'
        : `The body is not valid ${encoding}, which its content-encoding says. Send it encoded so, or without the header.`;
    return fail({ reason: 'invalid_json', message });
  }
}

/**
 * The runtime collects chunks, however small they are: each read waits until the buffer is full. A small body is held without
 * asking, since the number of requests of a caller bounds those.
 * @param expected bytes to make room for at first
 */
async function readAll(
  body: ReadableStream<Uint8Array> | undefined,
  expected: number,
  hold: Hold,
): Promise<Result<Uint8Array<ArrayBuffer>, HttpError>> {
  const reader = body?.getReader({ mode: 'byob' });
  let bytes = new Uint8Array();
  for (let filled = 0; ;) {
    if (filled === bytes.length) {
      if (filled > MAX_BODY_BYTES) {
        reader?.cancel().catch(() => undefined);
        return fail({ reason: 'body_too_large', limit: MAX_BODY_BYTES });
      }
      // One byte more than may be there tells a longer body, and the end of one of the expected length.
      const size = Math.min(Math.max(expected + 1, 2 * filled), MAX_BODY_BYTES + 1);
      const isLarge = size > SMALL_BODY_BYTES + 1;
      // Both buffers are there while one is copied.
      if (isLarge && !hold(filled + size)) {
        reader?.cancel().catch(() => undefined);
        return fail({ reason: 'overloaded', retry_after_s: 1 });
      }
      const larger = new Uint8Array(size);
      larger.set(bytes);
      bytes = larger;
      if (isLarge) hold(size);
    }
    const read = await reader?.readAtLeast(bytes.length - filled, bytes.subarray(filled));
    if (read?.value) {
      filled += read.value.length;
      bytes = new Uint8Array(read.value.buffer);
    }
    if (!read || read.done) return ok(bytes.subarray(0, filled));
  }
}
