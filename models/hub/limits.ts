/** Limits on what a model server may make us wait for, read or write. Does I/O. */

/** A connection without data for this long counts as broken. */
export const STALL_MS = 60_000;
/** An answer of the Hub's API, which is read into memory. The public Hub lists 1,000 files per page. */
export const MAX_ANSWER_BYTES = 4_000_000;
export const MAX_LISTED_FILES = 10_000;
export const MAX_PAGES = 100;
/** A configuration or a vocabulary, which is read into memory. */
export const MAX_TEXT_BYTES = 256_000_000;
/** All files of a model. A model that fits an isolate has less than a gigabyte in float32. */
export const MAX_MODEL_BYTES = 5_000_000_000;

/** @throws with `problem` if `promise` has not settled after `ms` */
async function withinMs<T>(promise: Promise<T>, ms: number, problem: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(problem)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a whole body. @throws if it is longer than `maxBytes` or incomplete after `ms` */
export async function readBody(response: Response, maxBytes: number, ms: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array();
  const { host } = new URL(response.url);
  const readAll = async () => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      bytes += chunk.value.length;
      if (bytes > maxBytes) throw new Error(`${host} sent more than ${maxBytes} bytes in one response`);
      chunks.push(chunk.value);
    }
    return new Uint8Array(Buffer.concat(chunks));
  };
  try {
    return await withinMs(readAll(), ms, `${host} did not complete its response within ${ms / 1000} s`);
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    throw error;
  }
}
