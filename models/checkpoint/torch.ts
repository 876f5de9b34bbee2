/**
 * Reads the files that `torch.save` writes: the zip form, and the form before PyTorch 1.6 (a few pickles, then the numbers). Only
 * the pickle is read at once; the numbers of a tensor are read when they are asked for. No I/O.
 */
import { OrderedDict, readPickle, Tuple } from './pickle.ts';
import {
  BYTES,
  type ByteSource,
  decoderOf,
  type Fail,
  isCount,
  requireFinite,
  type StoredTensor,
} from './stored-tensor.ts';
import { readZip } from './zip.ts';

/** The pickle of some hundred tensors has some ten kB. */
const MAX_PICKLE_BYTES = 16 * 2 ** 20;
/** The pickle of a number of 10 bytes. */
const MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const PROTOCOL = 1001;
/** The first bytes of an entry of a zip archive. */
const ZIP = 0x04034b50;
/** Of a tensor in PyTorch. */
const MAX_DIMENSIONS = 64;
/** Of all dictionaries in the form of Python 2 together: a pickle can name a long list again and again. */
const MAX_ITEMS = 100_000;
/** Numbers that are read at once of a tensor whose numbers are not in order. */
const WINDOW = 2 ** 20;

/** The types of numbers by their names in `torch`, and by those of its storages. */
const TYPES: readonly (readonly [dtype: string, names: readonly string[], storage: string | undefined])[] = [
  ['F32', ['float32', 'float'], 'FloatStorage'],
  ['F16', ['float16', 'half'], 'HalfStorage'],
  ['BF16', ['bfloat16'], 'BFloat16Storage'],
  ['F64', ['float64', 'double'], 'DoubleStorage'],
  ['I64', ['int64', 'long'], 'LongStorage'],
  ['I32', ['int32', 'int'], 'IntStorage'],
  ['I16', ['int16', 'short'], 'ShortStorage'],
  ['I8', ['int8'], 'CharStorage'],
  ['U8', ['uint8'], 'ByteStorage'],
  ['BOOL', ['bool'], 'BoolStorage'],
  ['C64', ['complex64', 'cfloat'], 'ComplexFloatStorage'],
  ['C128', ['complex128', 'cdouble'], 'ComplexDoubleStorage'],
  ['U16', ['uint16'], undefined],
  ['U32', ['uint32'], undefined],
  ['U64', ['uint64'], undefined],
  ['F8_E4M3', ['float8_e4m3fn'], undefined],
  ['F8_E5M2', ['float8_e5m2'], undefined],
];

/** The type of the numbers in a storage; one without a type has bytes. */
class StorageType {
  readonly dtype: string;
  constructor(dtype: string) {
    this.dtype = dtype;
  }
}
class DType extends StorageType {}

const TYPE_NAMES = TYPES.flatMap(([dtype, names, storage]) => {
  const types: (readonly [string, StorageType])[] = names.map((name) => [`torch.${name}`, new DType(dtype)]);
  return storage ? types.concat([[`torch.${storage}`, new StorageType(dtype)]]) : types;
});

/** The numbers that several tensors may share. */
interface Storage {
  readonly key: string;
  readonly dtype: string;
  readonly count: number;
  /** The place of the first number in the file. */
  start?: number;
}

/** A part of a storage. */
class StorageView {
  readonly storage: Storage;
  readonly offset: number;
  readonly count: number;
  constructor(storage: Storage, offset: number, count: number) {
    this.storage = storage;
    this.offset = offset;
    this.count = count;
  }
}

/** Some numbers of a storage, in any order. */
class TensorView {
  readonly dtype: string;
  readonly storage: Storage;
  /** In numbers, like the strides. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(dtype: string, storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.dtype = dtype;
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/**
 * @returns the tensors by name, not decoded yet
 * @throws naming what is wrong, or what a pickle names beside tensors
 */
export function readTorch(file: ByteSource): Map<string, StoredTensor> {
  const fail: Fail = (problem) => {
    throw new Error(`${file.name}: ${problem}`);
  };
  const storages = new Map<string, Storage>();
  const names = namesOf(fail);
  const persistent = (id: unknown) => readStorage(id, storages, fail);
  const read = (bytes: Uint8Array, from: number) => readPickle(bytes, from, { names, persistent, fail });

  const isZip = file.size >= 4 && new DataView(file.read(0, 4).buffer).getUint32(0, true) === ZIP;
  const value = isZip ? readArchive(file, read, storages, fail) : readLegacy(file, read, storages, fail);
  if (!(value instanceof Map)) return fail('it holds no dictionary of tensors by name');
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of value as Map<unknown, unknown>) {
    if (!(tensor instanceof TensorView)) continue;
    if (typeof name !== 'string') return fail('it holds a tensor whose name is not a string');
    tensors.set(name, {
      dtype: tensor.dtype,
      shape: tensor.shape,
      read: () => requireFinite(name, readNumbers(file, name, tensor, fail), fail),
    });
  }
  if (tensors.size > 0) return tensors;
  const inner = Array.from(value as Map<unknown, unknown>).find(([, part]) => part instanceof Map);
  return fail(
    `it holds no tensors by name${typeof inner?.[0] === 'string' ? `: save what it has under "${inner[0].slice(0, 100)}" as a file of its own` : ''}`,
  );
}

type ReadPickle = (bytes: Uint8Array, from: number) => { value: unknown; end: number };

function readArchive(file: ByteSource, read: ReadPickle, storages: ReadonlyMap<string, Storage>, fail: Fail): unknown {
  const entries = readZip(file, fail);
  const pickles = Array.from(entries.keys()).filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  const [pickle = fail('it has no data.pkl: it is no file of PyTorch'), second] = pickles;
  if (second !== undefined) fail(`it has both ${pickle} and ${second}`);
  const folder = pickle.slice(0, -'data.pkl'.length);
  if (entries.has(`${folder}constants.pkl`)) fail('it is a program of TorchScript, not weights');
  const contentOf = (name: string): Uint8Array => {
    const { from, to } = entries.get(name) ?? fail(`it has no ${name}`);
    if (to - from > MAX_PICKLE_BYTES) fail(`${name} has ${to - from} bytes, more than ${MAX_PICKLE_BYTES}`);
    return file.read(from, to);
  };
  const order = `${folder}byteorder`;
  if (entries.has(order) && new TextDecoder().decode(contentOf(order)) !== 'little') fail('its numbers are big-endian');
  const { value } = read(contentOf(pickle), 0);
  for (const storage of storages.values()) {
    const name = `${folder}data/${storage.key}`;
    const place = entries.get(name) ?? fail(`it has no ${name}, which a tensor needs`);
    checkLength(name, storage, place.to - place.from, fail);
    storage.start = place.from;
  }
  return value;
}

function readLegacy(file: ByteSource, read: ReadPickle, storages: ReadonlyMap<string, Storage>, fail: Fail): unknown {
  const head = file.read(0, Math.min(file.size, MAX_PICKLE_BYTES));
  if (!MAGIC.every((byte, i) => head[i] === byte)) return fail('it is neither a zip archive nor a pickle of PyTorch');
  const protocol = read(head, MAGIC.length);
  if (protocol.value !== PROTOCOL) return fail(`it has the form ${String(protocol.value)} of PyTorch, not ${PROTOCOL}`);
  const system = read(head, protocol.end);
  if (!(system.value instanceof Map) || system.value.get('little_endian') !== true)
    return fail('its numbers are big-endian');
  const { value, end } = read(head, system.end);
  const keys = read(head, end);
  if (!Array.isArray(keys.value)) return fail('it has no list of storages');
  let at = keys.end;
  for (const key of keys.value as unknown[]) {
    const storage = storages.get(key as string);
    if (!storage || storage.start !== undefined)
      return fail('its list of storages has one twice, or one that no tensor has');
    if (at + 8 > file.size) return fail(`it is cut off before the storage ${storage.key}`);
    const count = Number(new DataView(file.read(at, at + 8).buffer).getBigUint64(0, true));
    const bytes = storage.count * sizeOf(storage.dtype);
    if (count !== storage.count)
      return fail(`the storage ${storage.key} has ${count} numbers where ${storage.count} are named`);
    checkLength(`the storage ${storage.key}`, storage, file.size - at - 8, fail);
    storage.start = at + 8;
    at += 8 + bytes;
  }
  for (const { key, start } of storages.values())
    if (start === undefined) fail(`it has no storage ${key}, which a tensor needs`);
  return value;
}

function checkLength(name: string, { count, dtype }: Storage, bytes: number, fail: Fail): void {
  const needed = count * sizeOf(dtype);
  if (bytes < needed) fail(`${name} has ${bytes} bytes, and ${count} numbers of ${dtype} take ${needed}`);
}

const sizeOf = (dtype: string): number => BYTES[dtype] ?? 1;

/** The names that the pickle of weights has; what they stand for runs nothing of the file. */
function namesOf(fail: Fail): Map<string, unknown> {
  const rebuild = (dtypeAt?: number) => (args: readonly unknown[]) => rebuildTensor(args, dtypeAt, fail);
  let left = MAX_ITEMS;
  const dictionary = ([items]: readonly unknown[]) => {
    const pairs =
      items === undefined ? [] : (itemsOf(items, left) ?? fail('the pickle has a dictionary without items'));
    left -= pairs.length;
    return orderedDict(pairs, fail);
  };
  const parameter = ([data]: readonly unknown[]) =>
    data instanceof TensorView ? data : fail('the pickle makes a parameter of what is not a tensor');
  return new Map<string, unknown>([
    ['collections.OrderedDict', dictionary],
    [
      'torch.Size',
      ([sizes]: readonly unknown[]) =>
        new Tuple(itemsOf(sizes, MAX_DIMENSIONS) ?? fail('the pickle has a size without numbers')),
    ],
    ['torch._utils._rebuild_tensor', rebuild()],
    ['torch._utils._rebuild_tensor_v2', rebuild()],
    ['torch._utils._rebuild_tensor_v3', rebuild(6)],
    ['torch._utils._rebuild_parameter', parameter],
    ['torch._utils._rebuild_parameter_with_state', parameter],
    ['torch.storage.UntypedStorage', new StorageType('U8')],
    ...TYPE_NAMES,
  ]);
}

/** @returns the items of a list or a tuple of at most so many */
function itemsOf(value: unknown, most: number): readonly unknown[] | undefined {
  const items = value instanceof Tuple ? value.items : Array.isArray(value) ? (value as unknown[]) : undefined;
  return items && items.length <= most ? items : undefined;
}

/** @param pairs as Python 2 has them */
function orderedDict(pairs: readonly unknown[], fail: Fail): OrderedDict {
  return new OrderedDict(
    pairs.map((pair) => {
      const [key, value] = itemsOf(pair, 2) ?? [];
      return value === undefined ? fail('the pickle has a dictionary without items') : [key, value];
    }),
  );
}

/** A persistent id is ("storage", its type, its key, its device, its count), in the older form with a view of another storage. */
function readStorage(id: unknown, storages: Map<string, Storage>, fail: Fail): StorageView {
  const [kind, type, key, device, count, view] = itemsOf(id, 6) ?? [];
  if (
    kind !== 'storage' ||
    !(type instanceof StorageType) ||
    type instanceof DType ||
    typeof key !== 'string' ||
    typeof device !== 'string' ||
    !isCount(count)
  ) {
    return fail('the pickle has a persistent id that is not that of a storage');
  }
  const { dtype } = type;
  const storage = storages.get(key) ?? { key, dtype, count };
  if (storage.dtype !== dtype || storage.count !== count) {
    return fail(`the storage ${key} is named as ${storage.count} of ${storage.dtype} and as ${count} of ${dtype}`);
  }
  storages.set(key, storage);
  if (view === undefined || view === null) return new StorageView(storage, 0, count);
  const [viewKey, offset, size] = itemsOf(view, 3) ?? [];
  if (typeof viewKey !== 'string' || !isCount(offset) || !isCount(size) || offset + size > count) {
    return fail(`the pickle has a view outside the storage ${key}`);
  }
  return new StorageView(storage, offset, size);
}

/** @param dtypeAt the place of the type among the arguments; otherwise the type is that of the storage */
function rebuildTensor(args: readonly unknown[], dtypeAt: number | undefined, fail: Fail): TensorView {
  const [view, offset, sizes, steps] = args;
  const [shape, strides] = [itemsOf(sizes, MAX_DIMENSIONS), itemsOf(steps, MAX_DIMENSIONS)];
  const given = dtypeAt === undefined ? undefined : args[dtypeAt];
  if (!(view instanceof StorageView) || !isCount(offset) || !shape?.every(isCount) || !strides?.every(isCount)) {
    return fail('the pickle has a tensor without a storage, a shape or strides');
  }
  if (dtypeAt !== undefined && !(given instanceof DType)) return fail('the pickle has a tensor without a type');
  if (shape.length !== strides.length) {
    return fail(`the pickle has a tensor of ${shape.length} dimensions with ${strides.length} strides`);
  }
  // Marks of a tensor whose numbers are to be negated or conjugated.
  const marks = args[(dtypeAt ?? 5) + 1];
  if (marks instanceof Map ? marks.size > 0 : marks != null)
    return fail('the pickle has a tensor with marks of its own');
  const { storage } = view;
  const dtype = given instanceof DType ? given.dtype : storage.dtype;
  // In bytes where the storage has no type.
  const scale = given ? sizeOf(dtype) / sizeOf(storage.dtype) : 1;
  const last = shape.includes(0)
    ? 0
    : shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? 0), offset + 1);
  if (view.offset % scale !== 0 || !(last * scale <= view.count)) {
    return fail(
      `a tensor of [${shape.join(', ')}] with the strides [${strides.join(', ')}] from ${offset} on leaves its storage ` +
        `${storage.key} of ${view.count / scale}`,
    );
  }
  return new TensorView(dtype, storage, view.offset / scale + offset, shape, strides);
}

function readNumbers(file: ByteSource, name: string, tensor: TensorView, fail: Fail): Float32Array {
  const { dtype, shape, strides, offset } = tensor;
  const decode = decoderOf(name, dtype, fail);
  const size = sizeOf(dtype);
  const start = tensor.storage.start ?? 0;
  const read = (from: number, to: number) => decode(file.read(start + from * size, start + to * size));

  const count = shape.reduce((a, b) => a * b, 1);
  if (count === 0) return new Float32Array();
  const axes = shape
    .map((length, axis) => ({
      length,
      stride: strides[axis] ?? 0,
      step: shape.slice(axis + 1).reduce((a, b) => a * b, 1),
    }))
    .filter(({ length }) => length > 1)
    .toSorted((a, b) => b.stride - a.stride);
  if (axes.every(({ stride, step }) => stride === step)) return read(offset, offset + count);
  // Each axis steps over all that the axes behind it reach, so that no number is there twice.
  let reach = 0;
  for (const { length, stride } of axes.toReversed()) {
    if (stride <= reach) fail(`${name} repeats numbers of its storage: save it after contiguous()`);
    reach += (length - 1) * stride;
  }
  return gather(axes, offset, count, read);
}

interface Axis {
  readonly length: number;
  /** In the storage. */
  readonly stride: number;
  /** In the result. */
  readonly step: number;
}

/** Reads numbers in the order of the storage, a window at a time. */
function gather(
  axes: readonly Axis[],
  offset: number,
  count: number,
  read: (from: number, to: number) => Float32Array,
) {
  const data = new Float32Array(count);
  const end = axes.reduce((sum, { length, stride }) => sum + (length - 1) * stride, offset + 1);
  const index = axes.map(() => 0);
  let [from, target] = [offset, 0];
  let [begin, window]: [number, Float32Array] = [0, new Float32Array()];
  for (let i = 0; i < count; i++) {
    if (from >= begin + window.length) [begin, window] = [from, read(from, Math.min(from + WINDOW, end))];
    data[target] = window[from - begin] ?? NaN;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const { length, stride, step } = axes[axis] as Axis;
      const next = (index[axis] ?? 0) + 1;
      if (next < length) {
        index[axis] = next;
        from += stride;
        target += step;
        break;
      }
      index[axis] = 0;
      from -= (length - 1) * stride;
      target -= (length - 1) * step;
    }
  }
  return data;
}
