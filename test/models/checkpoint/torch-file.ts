/** Writes pickles, and files as `torch.save` writes them, also those that it never would. */
import type { ByteSource } from '../../../models/checkpoint/stored-tensor.ts';

type Bytes = readonly number[];

const ascii = (text: string): number[] => Array.from(text, (sign) => sign.charCodeAt(0));
const little = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);

/** The operations that leave a value on the stack. */
export const none: Bytes = [0x4e];
export const int = (value: number): Bytes => [0x8a, 8, ...little(value, 8)];
export const str = (text: string): Bytes => {
  const bytes = new TextEncoder().encode(text);
  return [0x58, ...little(bytes.length, 4), ...bytes];
};
export const global = (module: string, of: string): Bytes => [0x63, ...ascii(`${module}\n${of}\n`)];
export const tuple = (...items: readonly Bytes[]): Bytes => [0x28, ...items.flat(), 0x74];
export const ints = (...values: readonly number[]): Bytes => tuple(...values.map(int));
export const call = (called: Bytes, ...args: readonly Bytes[]): Bytes => [...called, ...tuple(...args), 0x52];
export const list = (...items: readonly Bytes[]): Bytes => [0x5d, 0x28, ...items.flat(), 0x65];
const filled = (empty: Bytes, entries: readonly (readonly [string, Bytes])[]): Bytes => [
  ...empty,
  0x28,
  ...entries.flatMap(([key, value]) => [...str(key), ...value]),
  0x75,
];
export const dict = (entries: Readonly<Record<string, Bytes>>): Bytes => filled([0x7d], Object.entries(entries));
/** With the attribute that the state of a module has. */
export const ordered = (entries: Readonly<Record<string, Bytes>>): Bytes => [
  ...filled(call(global('collections', 'OrderedDict')), Object.entries(entries)),
  ...dict({ _metadata: dict({}) }),
  0x62,
];
export const pickle = (...value: Bytes): number[] => [0x80, 2, ...value, 0x2e];

export interface Stored {
  readonly key?: string;
  readonly type?: string;
  /** Of the numbers in the storage. */
  readonly count: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  /** In the older form: a view, and what it is of. */
  readonly view?: Bytes;
  /** Marks of the tensor. */
  readonly marks?: Bytes;
}

const rowMajor = (shape: readonly number[]) => shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));

export const storage = ({ key = '0', type = 'FloatStorage', count, view }: Omit<Stored, 'shape'>): Bytes => [
  ...tuple(str('storage'), global('torch', type), str(key), str('cpu'), int(count), ...(view ? [view] : [])),
  0x51,
];
export const tensor = (stored: Stored): Bytes => {
  const { offset = 0, shape, strides = rowMajor(shape), marks } = stored;
  const hooks = call(global('collections', 'OrderedDict'));
  const rest = [int(offset), ints(...shape), ints(...strides), [0x89], hooks, ...(marks ? [marks] : [])];
  return call(global('torch._utils', '_rebuild_tensor_v2'), storage(stored), ...rest);
};

export interface Entry {
  readonly name: string;
  readonly content?: Uint8Array | Bytes;
  /** Where it begins, if not behind the one before. */
  readonly at?: number;
  /** What it says of itself, if not the truth. */
  readonly bytes?: number;
  readonly packed?: number;
  readonly method?: number;
  readonly flags?: number;
}

/** @param wide with zip64 for all sizes and places */
export function zip(entries: readonly Entry[], wide = false): { pieces: [number, Uint8Array][]; size: number } {
  const pieces: [number, Uint8Array][] = [];
  const directory: number[] = [];
  let at = 0;
  for (const { name: path, content = [], at: begin = at, method = 0, flags = 0, ...claimed } of entries) {
    const { bytes = content.length, packed = bytes } = claimed;
    const label = ascii(path);
    // A padding of two bytes, which the directory of entries does not have.
    const local = [...little(0x04034b50, 4), ...little(0, 22), ...little(label.length, 2), 2, 0, ...label, 0, 0];
    pieces.push([begin, Uint8Array.from(local)], [begin + local.length, Uint8Array.from(content)]);
    const [small, large] = wide
      ? [
          [0xffffffff, 0xffffffff, 0xffffffff],
          [1, 0, 24, 0, ...[bytes, packed, begin].flatMap((value) => little(value, 8))],
        ]
      : [[packed, bytes, begin], []];
    const [a = 0, b = 0, c = 0] = small;
    directory.push(
      ...little(0x02014b50, 4),
      ...little(0, 4),
      ...little(flags, 2),
      ...little(method, 2),
      ...little(0, 8),
    );
    directory.push(
      ...little(a, 4),
      ...little(b, 4),
      ...little(label.length, 2),
      ...little(large.length, 2),
      ...little(0, 10),
    );
    directory.push(...little(c, 4), ...label, ...large);
    at = Math.max(at, begin + local.length + Math.max(content.length, begin === at ? 0 : bytes));
  }
  const length = directory.length;
  if (wide) {
    directory.push(
      ...little(0x06064b50, 4),
      ...little(44, 8),
      ...little(0, 28),
      ...little(length, 8),
      ...little(at, 8),
    );
    directory.push(...little(0x07064b50, 4), ...little(0, 4), ...little(at + length, 8), ...little(1, 4));
  }
  directory.push(...little(0x06054b50, 4), ...little(0, 8));
  directory.push(...little(wide ? 0xffffffff : length, 4), ...little(wide ? 0xffffffff : at, 4), 0, 0);
  pieces.push([at, Uint8Array.from(directory)]);
  return { pieces, size: at + directory.length };
}

/** A file of PyTorch with these numbers by the keys of their storages. */
export const archive = (
  data: Bytes,
  storages: Readonly<Record<string, Uint8Array>>,
  more: readonly Entry[] = [],
): Uint8Array =>
  flat(
    zip([
      { name: 'model/data.pkl', content: data },
      ...Object.entries(storages).map(([key, content]) => ({ name: `model/data/${key}`, content })),
      ...more,
    ]),
  );

/** The form before PyTorch 1.6. */
export function legacy(
  data: Bytes,
  storages: Readonly<Record<string, readonly [count: number, Uint8Array]>>,
): Uint8Array {
  const magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
  const system = pickle(...dict({ little_endian: [0x88] }));
  const keys = pickle(...list(...Object.keys(storages).map(str)));
  const numbers = Object.values(storages).flatMap(([count, bytes]) => little(count, 8).concat(Array.from(bytes)));
  return Uint8Array.from([...pickle(...magic), ...pickle(...int(1001)), ...system, ...data, ...keys, ...numbers]);
}

export function flat({ pieces, size }: { pieces: [number, Uint8Array][]; size: number }): Uint8Array {
  const file = new Uint8Array(size);
  for (const [at, bytes] of pieces) file.set(bytes, at);
  return file;
}

/** A file in memory. */
export const source = (bytes: Uint8Array, path = 'file'): ByteSource => ({
  name: path,
  size: bytes.length,
  read: (from, to) => bytes.slice(from, to),
});

export const floats = (...values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
