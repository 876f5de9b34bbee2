/** Tensors of a weights file in any form, and the numbers in their bytes. No I/O. */

/** A tensor of the file, not decoded yet. */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /**
   * Row-major float32, whatever the type in the file; a new copy with each call.
   * @throws if its type cannot be decoded, or if it has a number that is not finite
   */
  read(): Float32Array;
}

/** A file that is read by ranges: weights can be larger than memory. */
export interface ByteSource {
  /** Its path, for errors. */
  readonly name: string;
  readonly size: number;
  /**
   * A copy of the bytes from `from` to before `to`, at the beginning of its own buffer.
   * @throws if the file has fewer bytes
   */
  read(from: number, to: number): Uint8Array<ArrayBuffer>;
}

/** Throws an error that begins with the name of the file. */
export type Fail = (problem: string) => never;

/** Bytes per number of each type, including types that cannot be decoded. */
export const BYTES: Readonly<Record<string, number>> = {
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
  C64: 8,
  C128: 16,
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
  F64: ({ buffer }) => Float32Array.from(new Float64Array(buffer)),
};
/** The value of every bit pattern of binary16. */
const float16Values = Float32Array.from({ length: 1 << 16 }, (_, bits) => float16(bits));

/**
 * @param tensor its name, for errors
 * @returns what decodes its bytes
 * @throws if its type cannot be decoded
 */
export function decoderOf(tensor: string, dtype: string, fail: Fail): (bytes: Uint8Array<ArrayBuffer>) => Float32Array {
  const decode = decoders[dtype];
  return decode ?? fail(`${tensor} has the type ${dtype}; ${Object.keys(decoders).join(', ')} can be read`);
}

/** @throws naming the tensor, if one of its numbers is not finite */
export function requireFinite(tensor: string, data: Float32Array, fail: Fail): Float32Array {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) fail(`${tensor} holds a number that is not finite`);
  }
  return data;
}

/** Where something lies in a file. */
export interface Place {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** @throws naming two that share bytes */
export function refuseOverlap(places: readonly Place[], fail: Fail): void {
  let before: Place | undefined;
  for (const place of places.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (before && place.from < before.to) fail(`${before.name} and ${place.name} overlap`);
    if (place.to > place.from) before = place;
  }
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
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
