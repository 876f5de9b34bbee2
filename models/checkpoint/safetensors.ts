/** Reads the safetensors format (https://huggingface.co/docs/safetensors). No I/O. */

export interface Tensor {
  readonly shape: readonly number[];
  /** Row-major, whatever the type in the file. */
  readonly data: Float32Array;
}

/** Bytes of a header; the format's reference implementation has the same bound. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

const readers: Record<string, { bytes: number; read: (view: DataView, offset: number) => number }> = {
  F32: { bytes: 4, read: (view, offset) => view.getFloat32(offset, true) },
  F16: { bytes: 2, read: (view, offset) => float16(view.getUint16(offset, true)) },
};

/**
 * @returns the tensors by name
 * @throws when the file contradicts itself, or holds a type other than F32 and F16, or a number that is not finite
 */
export function readSafetensors(file: Uint8Array): Map<string, Tensor> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < LENGTH_BYTES) throw new Error(`safetensors: the file has only ${file.length} bytes`);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || LENGTH_BYTES + headerBytes > file.length) {
    throw new Error(`safetensors: the header claims ${headerBytes} bytes in a file of ${file.length}`);
  }
  const start = LENGTH_BYTES + headerBytes;
  const header = parseHeader(new TextDecoder().decode(file.subarray(LENGTH_BYTES, start)));
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, readTensor(name, entry, view, start));
  }
  return tensors;
}

function parseHeader(text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw new Error('safetensors: the header is not JSON');
  }
  if (typeof header !== 'object' || header === null) throw new Error('safetensors: the header is not an object');
  return header as Record<string, unknown>;
}

function readTensor(name: string, entry: unknown, view: DataView, start: number): Tensor {
  const { dtype, shape, data_offsets: offsets } = entry as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const reader = typeof dtype === 'string' ? readers[dtype] : undefined;
  if (!reader) throw new Error(`safetensors: ${name} has the type ${String(dtype)}; F32 and F16 can be read`);
  if (!isCounts(shape) || !isCounts(offsets))
    throw new Error(`safetensors: ${name} has no valid shape or data_offsets`);
  const [from = 0, to = 0] = offsets;
  const size = shape.reduce((a, b) => a * b, 1);
  if (to - from !== size * reader.bytes || start + to > view.byteLength) {
    throw new Error(`safetensors: data_offsets of ${name} do not fit its shape [${shape.join(', ')}] or the file`);
  }
  const data = new Float32Array(size);
  for (let i = 0; i < size; i++) data[i] = reader.read(view, start + from + i * reader.bytes);
  if (!data.every(Number.isFinite)) throw new Error(`safetensors: ${name} holds a number that is not finite`);
  return { shape, data };
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
