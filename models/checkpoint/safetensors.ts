/** Reads the safetensors format (https://huggingface.co/docs/safetensors). No I/O. */

/** A tensor of the file, not decoded yet. */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /**
   * Row-major float32, whatever the type in the file; a new copy with each call.
   * @throws if its type is not F32, F16 or BF16, or if it has a number that is not finite
   */
  read(): Float32Array;
}

/** A header lists some hundred tensors in about ten kB. The limit bounds the parsing of a corrupt one. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
const LENGTH_BYTES = 8;

/** Bytes per number of each type, including types that cannot be decoded. */
const BYTES: Record<string, number> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

/** @param bytes little-endian, at the beginning of their buffer */
const decoders: Record<string, (bytes: Uint8Array<ArrayBuffer>) => Float32Array> = {
  F32: ({ buffer }) => new Float32Array(buffer),
  F16({ buffer }) {
    const bits = new Uint16Array(buffer);
    const data = new Float32Array(bits.length);
    for (let i = 0; i < bits.length; i++) data[i] = float16Values[bits[i]!]!;
    return data;
  },
  BF16({ buffer }) {
    const bits = new Uint16Array(buffer);
    const wide = new Uint32Array(bits.length);
    for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
    return new Float32Array(wide.buffer);
  },
};
/** The value of every bit pattern of binary16. */
const float16Values = Float32Array.from({ length: 1 << 16 }, (_, bits) => float16(bits));

/**
 * @param file the bytes of a whole file
 * @param name of the file in errors
 * @returns the tensors by name, not decoded yet
 * @throws naming the tensor, if the file contradicts itself or has another format
 */
export function readSafetensors(file: Uint8Array, name = 'model.safetensors'): Map<string, StoredTensor> {
  const fail = (problem: string): never => {
    throw new Error(`${name}: ${problem}`);
  };
  if (file.length < LENGTH_BYTES) fail(`the file has only ${file.length} bytes`);
  const headerBytes = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES) fail(`the header claims ${headerBytes} bytes, more than ${MAX_HEADER_BYTES}`);
  const start = LENGTH_BYTES + headerBytes;
  if (start > file.length) fail(`the header claims ${headerBytes} bytes in a file of ${file.length}`);

  const header = parseHeader(new TextDecoder().decode(file.subarray(LENGTH_BYTES, start)), fail);
  const tensors = new Map<string, StoredTensor>();
  const places: Place[] = [];
  for (const [tensor, entry] of Object.entries(header)) {
    if (tensor === '__metadata__') continue;
    const { dtype, shape, from, to } = readEntry(tensor, entry, file.length - start, fail);
    places.push({ tensor, from, to });
    tensors.set(tensor, {
      dtype,
      shape,
      read() {
        const decode = decoders[dtype];
        if (!decode) return fail(`${tensor} has the type ${dtype}; ${Object.keys(decoders).join(', ')} can be read`);
        // A copy, so that it is aligned.
        const data = decode(file.slice(start + from, start + to));
        for (let i = 0; i < data.length; i++) {
          if (!Number.isFinite(data[i])) fail(`${tensor} holds a number that is not finite`);
        }
        return data;
      },
    });
  }
  refuseOverlap(places, fail);
  return tensors;
}

interface Place {
  readonly tensor: string;
  readonly from: number;
  readonly to: number;
}

function parseHeader(text: string, fail: (problem: string) => never): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    fail('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('the header is not an object');
  return header as Record<string, unknown>;
}

function readEntry(tensor: string, entry: unknown, dataBytes: number, fail: (problem: string) => never) {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string') return fail(`${tensor} has the type ${String(dtype)}, which is not a type name`);
  const size = BYTES[dtype];
  if (!isCounts(shape)) return fail(`${tensor} has no valid shape`);
  if (!isCounts(offsets) || offsets.length !== 2) return fail(`${tensor} has no valid data_offsets`);
  const [from = 0, to = 0] = offsets;
  if (to < from || (size !== undefined && to - from !== shape.reduce((a, b) => a * b, size))) {
    return fail(`data_offsets of ${tensor}, ${from} to ${to}, do not fit its shape [${shape.join(', ')}] of ${dtype}`);
  }
  if (to > dataBytes)
    return fail(`data_offsets of ${tensor} end at ${to}, and the file has ${dataBytes} bytes of data`);
  return { dtype, shape, from, to };
}

function refuseOverlap(places: Place[], fail: (problem: string) => never): void {
  let before: Place | undefined;
  for (const place of places.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (before && place.from < before.to) fail(`${before.tensor} and ${place.tensor} overlap`);
    if (place.to > place.from) before = place;
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** IEEE 754 binary16, exactly. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
