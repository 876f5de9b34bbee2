/** Reads the safetensors format (https://huggingface.co/docs/safetensors). No I/O. */
import {
  BYTES,
  type ByteSource,
  decoderOf,
  type Fail,
  isCount,
  type Place,
  refuseOverlap,
  requireFinite,
  type StoredTensor,
} from './stored-tensor.ts';

/** A header lists some hundred tensors in about ten kB. The limit bounds the parsing of a corrupt one. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
const LENGTH_BYTES = 8;

/**
 * @returns the tensors by name, not decoded yet
 * @throws naming the tensor, if the file contradicts itself or has another format
 */
export function readSafetensors(file: ByteSource): Map<string, StoredTensor> {
  const fail: Fail = (problem) => {
    throw new Error(`${file.name}: ${problem}`);
  };
  if (file.size < LENGTH_BYTES) fail(`the file has only ${file.size} bytes`);
  const headerBytes = Number(new DataView(file.read(0, LENGTH_BYTES).buffer).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES) fail(`the header claims ${headerBytes} bytes, more than ${MAX_HEADER_BYTES}`);
  const start = LENGTH_BYTES + headerBytes;
  if (start > file.size) fail(`the header claims ${headerBytes} bytes in a file of ${file.size}`);

  const header = parseHeader(new TextDecoder().decode(file.read(LENGTH_BYTES, start)), fail);
  const tensors = new Map<string, StoredTensor>();
  const places: Place[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, from, to } = readEntry(name, entry, file.size - start, fail);
    places.push({ name, from, to });
    tensors.set(name, {
      dtype,
      shape,
      read() {
        const decode = decoderOf(name, dtype, fail);
        return requireFinite(name, decode(file.read(start + from, start + to)), fail);
      },
    });
  }
  refuseOverlap(places, fail);
  return tensors;
}

function parseHeader(text: string, fail: Fail): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    fail('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('the header is not an object');
  return header as Record<string, unknown>;
}

function readEntry(tensor: string, entry: unknown, dataBytes: number, fail: Fail) {
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

const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);
