/** Files of `torch.save`: those that it wrote, those of sizes that no test writes, and those that somebody made up to do harm. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { ByteSource } from '../../../models/checkpoint/stored-tensor.ts';
import { readTorch } from '../../../models/checkpoint/torch.ts';
import {
  archive,
  call,
  dict,
  type Entry,
  flat,
  floats,
  int,
  ints,
  legacy,
  list,
  global,
  none,
  ordered,
  pickle,
  source,
  storage,
  type Stored,
  str,
  tensor,
  tuple,
  zip,
} from './torch-file.ts';

const RECORDED = join(import.meta.dirname, '../../fixtures/pickles');
const recorded = (form: string) => new Uint8Array(readFileSync(join(RECORDED, `${form}.bin`)));
const read = (bytes: Uint8Array) => readTorch(source(bytes));
/** One tensor `a` over four numbers, in the zip form. */
const one = (stored: Partial<Stored>, numbers = floats(0, 1, 2, 3)) =>
  archive(pickle(...dict({ a: tensor({ count: 4, shape: [4], ...stored }) })), { 0: numbers });
const readZipped = (entries: readonly Entry[], wide = false) => read(flat(zip(entries, wide)));
/** A list that the pickle keeps at 0. */
const keep = (items: readonly number[]) => [0x5d, 0x28, ...items, 0x65, 0x71, 0];
/** A pickle alone, where a file of PyTorch has its. */
const run =
  (...value: readonly number[]) =>
  () =>
    read(archive(value, {}));

describe('a file that torch wrote', () => {
  const numbers = JSON.parse(readFileSync(join(RECORDED, 'numbers.json'), 'utf8')) as Record<
    string,
    { shape: number[]; numbers: number[] | null }
  >;

  it.each(['zip', 'legacy', 'protocol4'])('has the numbers that torch reads: %s', (form) => {
    const tensors = read(recorded(form));
    expect([...tensors.keys()]).toEqual(Object.keys(numbers));
    const { expanded: _, ...others } = numbers;
    for (const [key, { shape }] of Object.entries(others)) {
      const found = tensors.get(key);
      expect(found?.shape, key).toEqual(shape);
    }
    const floating = Object.entries(others).filter(([, { numbers: given }]) => given);
    for (const [key, { numbers: given }] of floating) {
      expect(tensors.get(key)?.read(), key).toEqual(Float32Array.from(given ?? []));
    }
    expect(floating).toHaveLength(16);
    const types = ['position_ids', 'small', 'wide', 'mask', 'complex'].map((key) => tensors.get(key)?.dtype);
    expect(types).toEqual(['I64', 'I8', 'U16', 'BOOL', 'C64']);
    expect(() => tensors.get('position_ids')?.read()).toThrow(
      'position_ids has the type I64; F32, F16, BF16, F64 can be read',
    );
    expect(() => tensors.get('expanded')?.read()).toThrow('expanded repeats numbers of its storage');
  });

  it.each(['zip', 'legacy', 'protocol4'])('is refused when it is cut anywhere: %s', (form) => {
    const bytes = recorded(form);
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => read(bytes.subarray(0, length)), String(length)).toThrow(/^file: /);
    }
  });

  it.each(['zip', 'legacy', 'protocol4'])(
    'with a bit changed is read or refused by name, and never hangs: %s',
    (form) => {
      const bytes = recorded(form);
      const others: string[] = [];
      for (let at = 0; at < bytes.length; at += 29) {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
        try {
          for (const found of read(changed).values()) found.read();
        } catch (error) {
          others.push(...[(error as Error).message].filter((message) => !message.startsWith('file: ')));
        }
      }
      expect(others).toEqual([]);
    },
  );
});

describe('a tensor', () => {
  it('may share its numbers with others, with strides and an offset of its own', () => {
    const six = { count: 6, shape: [2, 3] };
    const file = archive(
      pickle(
        ...ordered({
          a: tensor(six),
          tied: tensor(six),
          transposed: tensor({ ...six, shape: [3, 2], strides: [1, 3] }),
          column: tensor({ ...six, shape: [2], strides: [3], offset: 2 }),
          loose: tensor({ ...six, shape: [1, 2], strides: [77, 1], offset: 4 }),
          old: call(global('torch._utils', '_rebuild_tensor'), storage(six), int(1), ints(2), ints(2)),
        }),
      ),
      { 0: floats(0, 1, 2, 3, 4, 5) },
    );
    expect(Array.from(read(file), ([key, found]) => [key, found.shape, [...found.read()]])).toEqual([
      ['a', [2, 3], [0, 1, 2, 3, 4, 5]],
      ['tied', [2, 3], [0, 1, 2, 3, 4, 5]],
      ['transposed', [3, 2], [0, 3, 1, 4, 2, 5]],
      ['column', [2], [2, 5]],
      ['loose', [1, 2], [4, 5]],
      ['old', [2], [1, 3]],
    ]);
  });
  it('does not depend on the numbers of others in its storage', () => {
    const file = one({ shape: [2], strides: [2] }, floats(0, NaN, 2, 3));
    expect([...(read(file).get('a')?.read() ?? [])]).toEqual([0, 2]);
    expect(() =>
      read(one({}, floats(0, NaN, 2, 3)))
        .get('a')
        ?.read(),
    ).toThrow(/^file: a holds a number that is not finite$/);
    const wide = one({ type: 'DoubleStorage', count: 1, shape: [1] }, new Uint8Array(Float64Array.of(1e300).buffer));
    expect(() => read(wide).get('a')?.read()).toThrow('a holds a number that is not finite');
  });

  it('of a view of the older form begins where that does', () => {
    const stored = { count: 4, view: tuple(str('v'), int(1), int(3)), offset: 1, shape: [2] };
    const file = legacy(pickle(...dict({ a: tensor(stored) })), { 0: [4, floats(0, 1, 2, 3)] });
    expect([...(read(file).get('a')?.read() ?? [])]).toEqual([2, 3]);
    const beyond = { ...stored, offset: 2 };
    expect(() => read(legacy(pickle(...dict({ a: tensor(beyond) })), { 0: [4, floats(0, 1, 2, 3)] }))).toThrow(
      'leaves its storage 0 of 3',
    );
  });

  it.each<[string, Partial<Stored>, string]>([
    [
      'longer than its storage',
      { shape: [5] },
      'a tensor of [5] with the strides [1] from 0 on leaves its storage 0 of 4',
    ],
    ['beyond its storage', { shape: [2], offset: 3 }, 'from 3 on leaves its storage 0 of 4'],
    ['with strides out of its storage', { shape: [2, 2], strides: [3, 1] }, 'leaves its storage 0 of 4'],
    ['of numbers beyond 2^53', { shape: [2 ** 50, 2 ** 50], strides: [2 ** 50, 2 ** 50] }, 'leaves its storage 0 of 4'],
    ['with negative strides', { shape: [2], strides: [-1], offset: 1 }, 'without a storage, a shape or strides'],
    ['with a negative size', { shape: [-1] }, 'without a storage, a shape or strides'],
    ['with too few strides', { shape: [2, 2], strides: [2] }, 'a tensor of 2 dimensions with 1 strides'],
    [
      'of a thousand dimensions',
      { shape: Array.from({ length: 1000 }, () => 1) },
      'without a storage, a shape or strides',
    ],
    ['that is to be negated', { marks: dict({ neg: [0x88] }) }, 'a tensor with marks of its own'],
    ['of quantized numbers', { type: 'QInt8Storage' }, 'the pickle names torch.QInt8Storage'],
  ])('%s is refused', (_, stored, problem) => {
    expect(() => read(one(stored))).toThrow(problem);
  });

  it.each([
    ['repeats its numbers', { shape: [1000, 1000, 1000], strides: [0, 0, 0] }],
    ['has overlapping rows', { shape: [2, 3], strides: [1, 1] }],
  ])('that %s is refused before memory is taken for it', (_, stored) => {
    const found = read(one(stored)).get('a');
    expect(() => found?.read()).toThrow('a repeats numbers of its storage: save it after contiguous()');
  });

  it('is found in a storage that the file says in two ways, or says shorter than it is', () => {
    const two = dict({ a: tensor({ count: 4, shape: [4] }), b: tensor({ count: 8, type: 'HalfStorage', shape: [4] }) });
    expect(() => read(archive(pickle(...two), { 0: floats(0, 1, 2, 3) }))).toThrow(
      'the storage 0 is named as 4 of F32 and as 8 of F16',
    );
    expect(() => read(one({}, floats(0, 1, 2)))).toThrow('model/data/0 has 12 bytes, and 4 numbers of F32 take 16');
    expect(() => read(archive(pickle(...dict({ a: tensor({ count: 4, shape: [4] }) })), {}))).toThrow(
      'it has no model/data/0, which a tensor needs',
    );
    const old = pickle(...dict({ a: tensor({ count: 4, shape: [4] }) }));
    expect(() => read(legacy(old, { 0: [4, floats(0, 1, 2)] }))).toThrow('the storage 0 has 12 bytes');
    expect(() => read(legacy(old, { 0: [3, floats(0, 1, 2)] }))).toThrow('has 3 numbers where 4 are named');
    expect(() => read(legacy(old, {}))).toThrow('it has no storage 0, which a tensor needs');
    expect(() => read(legacy(old, { 1: [1, floats(0)] }))).toThrow('one twice, or one that no tensor has');
  });
});

describe('a pickle', () => {
  const system = global('os', 'system');
  const long = 2 ** 31;
  it.each<[string, readonly number[], string]>([
    ['a call of os.system', pickle(...call(system, str('touch /tmp/x'))), 'the pickle names os.system, which'],
    ['the same under its other name', pickle(...call(global('posix', 'system'), str('id'))), 'names posix.system'],
    [
      'the same by STACK_GLOBAL',
      pickle(...str('os'), ...str('system'), 0x93, ...tuple(str('id')), 0x52),
      'names os.system',
    ],
    ['a builtin', pickle(...call(global('builtins', 'eval'), str('1'))), 'names builtins.eval'],
    [
      'a part of an allowed name',
      pickle(...global('torch', '_utils._rebuild_qtensor')),
      'names torch._utils._rebuild_qtensor',
    ],
    [
      'a name of every object of JavaScript',
      pickle(...global('constructor', 'constructor')),
      'names constructor.constructor',
    ],
    ['an object by INST', pickle(0x28, ...str('id'), 0x69, ...system.slice(1)), 'names os.system'],
    [
      'an allowed name by INST',
      pickle(0x28, 0x69, ...global('torch', 'Size').slice(1)),
      'the operation INST at byte 3',
    ],
    ['an object by OBJ', pickle(0x28, ...global('torch', 'Size'), 0x6f), 'the operation OBJ'],
    ['an object by NEWOBJ', pickle(...global('torch', 'Size'), ...tuple(), 0x81), 'the operation NEWOBJ'],
    ['an object by NEWOBJ_EX', pickle(0x92), 'the operation NEWOBJ_EX'],
    ['the state of a class', pickle(...global('torch', 'Size'), ...dict({ a: none }), 0x62), 'BUILD'],
    [
      'the state of a tensor',
      pickle(...dict({ a: [...tensor({ count: 1, shape: [1] }), ...dict({}), 0x62] })),
      'BUILD',
    ],
    ['a number of the registry of extensions', pickle(0x82, 5), 'the operation EXT1'],
    ['a persistent id in text', pickle(0x50, 0x30, 0x0a), 'the operation PERSID'],
    ['a persistent id that is a string', pickle(...str('0'), 0x51), 'a persistent id that is not that of a storage'],
    [
      'a persistent id of a module',
      pickle(...tuple(str('module'), global('torch', 'Size'), str('a'), str('b')), 0x51),
      'a persistent id that is not',
    ],
    [
      'a storage of a type that is none',
      pickle(...tuple(str('storage'), global('torch', 'float32'), str('0'), str('cpu'), int(1)), 0x51),
      'a persistent id that is not',
    ],
    [
      'a path out of the archive',
      pickle(...dict({ a: tensor({ key: '../../x', count: 1, shape: [1] }) })),
      'no model/data/../../x',
    ],
    ['a number of 2 GB', pickle(0x8b, 0, 0, 0, 128), `a number of ${long} bytes`],
    ['a string of 2 GB', pickle(0x58, 0, 0, 0, 128), 'ends in the middle'],
    ['a string of 2^63 bytes', pickle(0x8d, 0, 0, 0, 0, 0, 0, 0, 128), 'ends in the middle'],
    ['a string that is not UTF-8', pickle(0x58, 1, 0, 0, 0, 0xff), 'a string that is not UTF-8'],
    ['a name without an end', pickle(0x63, ...Array.from({ length: 1000 }, () => 0x61)), 'a name without an end'],
    ['a name in bytes', pickle(...int(1), ...int(2), 0x93), 'a name that is not a string'],
    ['a value from nowhere', pickle(0x30), 'from an empty stack'],
    ['a value from before a mark', pickle(...none, 0x28, 0x85), 'from an empty stack'],
    ['no mark', pickle(0x74), 'has no mark'],
    ['a memory that was not kept', pickle(0x68, 7), 'recalls what it did not keep'],
    ['items of a number', pickle(...int(1), 0x28, 0x75), 'what is not a dictionary'],
    ['an element of a number', pickle(...int(1), ...none, 0x61), 'what is not a list'],
    ['a key without a value', pickle(0x7d, 0x28, ...none, 0x75), 'a key without a value'],
    ['a call of a number', pickle(...call(int(1))), 'calls what is not a function'],
    ['a call with a list', pickle(...global('torch', 'Size'), ...list(), 0x52), 'calls what is not a function'],
    [
      'a parameter of a number',
      pickle(...call(global('torch._utils', '_rebuild_parameter'), int(1))),
      'a parameter of what',
    ],
    ['a dictionary of numbers', pickle(...call(global('collections', 'OrderedDict'), list(int(1)))), 'without items'],
    [
      'a tensor without a storage',
      pickle(...call(global('torch._utils', '_rebuild_tensor_v2'), int(1))),
      'without a storage',
    ],
    ['an unknown operation', pickle(0xff), 'the operation 0xff at byte 2'],
    ['nothing', [], 'ends in the middle'],
    ['a list', pickle(...list()), 'no dictionary of tensors by name'],
    ['a function', pickle(...global('torch', 'Size')), 'no dictionary of tensors by name'],
    ['no tensor', pickle(...dict({ a: int(1) })), 'it holds no tensors by name'],
    ['tensors one level below', pickle(...dict({ step: int(1), model: dict({}) })), 'save what it has under "model"'],
  ])('with %s is refused', (_, value, problem) => {
    expect(run(...value)).toThrow(problem);
    expect(() => read(legacy(value, {}))).toThrow(/^file: /);
  });

  it('of 300,000 nested tuples, or of tuples that would be 2^1000 when they are written out, is read', () => {
    const nested = Array.from({ length: 300_000 }, () => 0x85);
    const bytes = pickle(...none)
      .slice(0, -1)
      .concat(nested, 0x2e);
    expect(() => read(archive(bytes, {}))).toThrow('no dictionary of tensors');
    // Each has the one before it twice.
    const doubled = Array.from({ length: 1000 }, () => [0x71, 0, 0x68, 0, 0x86]).flat();
    const file = archive(
      pickle(0x7d, 0x28, ...str('x'), ...none, ...doubled, ...str('a'), ...tensor({ count: 1, shape: [1] }), 0x75),
      { 0: floats(5) },
    );
    expect([...read(file).keys()]).toEqual(['a']);
  });

  it('of endless operations, or that names one long list again and again, is refused at once', () => {
    const empty = Array.from({ length: 500_001 }, () => 0x7d);
    expect(() => read(archive(pickle().slice(0, -1).concat(empty), {}))).toThrow('more than 500000 operations');
    const [recalled, nulls] = [[0x68, 0], keep(Array.from({ length: 1000 }, () => 0x4e))];
    const call1000 = call(global('collections', 'OrderedDict'), recalled);
    const pairs = keep(Array.from({ length: 1000 }, () => tuple([0x4e], [0x4e])).flat());
    expect(run(...pickle(...pairs, ...call1000))).toThrow('it holds no tensors by name');
    const often = Array.from({ length: 101 }, () => call1000).flat();
    expect(run(...pickle(...pairs, ...often))).toThrow('a dictionary without items');
    expect(run(...pickle(...nulls, ...recalled, 0x51))).toThrow('a persistent id that is not that of a storage');
    expect(run(...pickle(...nulls, ...call(global('torch', 'Size'), recalled)))).toThrow('a size without numbers');
    const shaped = call(global('torch._utils', '_rebuild_tensor'), storage({ count: 1 }), int(0), recalled, recalled);
    expect(run(...pickle(...nulls, ...shaped))).toThrow('without a storage, a shape');
  });

  it('may recall more than 256 values', () => {
    const value = tensor({ count: 1, shape: [1] });
    const entries = [...str('a'), 0x72, 0, 1, 0, 0, ...value, ...str('b'), ...value, 0x72, 1, 1, 0, 0, 0x30];
    const file = archive(pickle(0x7d, 0x28, ...entries, 0x6a, 1, 1, 0, 0, 0x75), { 0: floats(5) });
    expect([...read(file).keys()]).toEqual(['a', 'b']);
  });

  it('may have the strings of Python 2, and its own list of items for a dictionary', () => {
    const items = list(tuple([0x55, 1, 0x61], tensor({ count: 1, shape: [1] })));
    const file = archive(pickle(...call(global('collections', 'OrderedDict'), items)), { 0: floats(5) });
    expect([...read(file).keys()]).toEqual(['a']);
  });

  it('of another form is told by name', () => {
    const data = pickle(...dict({ a: tensor({ count: 1, shape: [1] }) }));
    for (const bytes of [new Uint8Array(), Uint8Array.of(1, 2, 3, 4, 5), Uint8Array.from(pickle(...system))]) {
      expect(() => read(bytes)).toThrow('it is neither a zip archive nor a pickle of PyTorch');
    }
    const newer = legacy(data, {});
    // The second pickle has 1001.
    newer[newer.indexOf(0x2e) + 5] = 0;
    expect(() => read(newer)).toThrow('it has the form 768 of PyTorch, not 1001');
    const big = legacy(data, { 0: [1, floats(1)] });
    // NEWTRUE becomes NEWFALSE.
    big[big.indexOf(0x88)] = 0x89;
    expect(() => read(big)).toThrow('big-endian');
  });
});

describe('an archive', () => {
  const data = pickle(...dict({ a: tensor({ count: 1, shape: [1] }) }));
  const good: Entry[] = [
    { name: 'm/data.pkl', content: data },
    { name: 'm/data/0', content: floats(7) },
  ];
  it('may be of zip64, and may have no folder', () => {
    expect(readZipped(good, true).get('a')?.read()).toEqual(Float32Array.of(7));
    const bare = good.map((entry) => ({ ...entry, name: entry.name.slice(2) }));
    expect(readZipped(bare).get('a')?.read()).toEqual(Float32Array.of(7));
  });

  it.each<[string, readonly Entry[], string]>([
    [
      'a compressed entry, such as a bomb',
      [...good, { name: 'm/x', method: 8, bytes: 4e9, packed: 9 }],
      'm/x is compressed',
    ],
    [
      'an entry that grows',
      [...good, { name: 'm/x', bytes: 4e9, packed: 9 }],
      'm/x is stored in 9 bytes and says that it has 4000000000',
    ],
    ['an encrypted entry', [...good, { name: 'm/x', flags: 1 }], 'm/x is encrypted'],
    ['two entries of a name', [...good, { name: 'm/data.pkl', content: data }], 'it has two entries m/data.pkl'],
    ['two pickles', [...good, { name: 'n/data.pkl', content: data }], 'it has both m/data.pkl and n/data.pkl'],
    ['entries that share bytes', [...good, { name: 'm/x', at: 0, bytes: 20 }], 'overlap'],
    [
      'an entry beyond its end',
      [...good, { name: 'm/x', bytes: 1e6 }],
      'm/x claims 1000000 bytes, which the file does not have',
    ],
    ['no pickle', good.slice(1), 'it has no data.pkl'],
    ['a program', [...good, { name: 'm/constants.pkl' }], 'it is a program of TorchScript'],
    ['big-endian numbers', [...good, { name: 'm/byteorder', content: [98, 105, 103] }], 'its numbers are big-endian'],
    [
      'a pickle of 20 MB',
      [{ name: 'm/data.pkl', content: new Uint8Array(20 << 20) }],
      'm/data.pkl has 20971520 bytes, more than',
    ],
  ])('with %s is refused', (_, entries, problem) => {
    expect(() => readZipped(entries)).toThrow(problem);
  });

  it('of 5 GB is read by its ranges alone', () => {
    const gigabyte = 2 ** 30;
    const count = gigabyte / 4;
    const stored = { count, shape: [1024, count / 1024] };
    const entries: Entry[] = [
      {
        name: 'm/data.pkl',
        content: pickle(
          ...ordered({
            ...Object.fromEntries(['0', '1', '2', '3', '4'].map((key) => [`big.${key}`, tensor({ ...stored, key })])),
            small: tensor({ count, key: '4', offset: count - 3, shape: [3] }),
            apart: tensor({ count, key: '4', offset: 5, shape: [2], strides: [count - 6] }),
          }),
        ),
      },
      ...[0, 1, 2, 3, 4].map((key) => ({
        name: `m/data/${key}`,
        at: 10_000 + key * (gigabyte + 100),
        bytes: gigabyte,
      })),
    ];
    // A place beyond 4 GB needs zip64.
    const { pieces, size } = zip(entries, true);
    let [bytes, most] = [0, 0];
    const file: ByteSource = {
      name: 'file',
      size,
      read(from, to) {
        bytes += to - from;
        most = Math.max(most, to - from);
        const found = new Uint8Array(to - from);
        for (const [at, piece] of pieces) {
          const [begin, end] = [Math.max(at, from), Math.min(at + piece.length, to)];
          if (begin < end) found.set(piece.subarray(begin - at, end - at), begin - from);
        }
        return found;
      },
    };
    const last = 10_000 + 4 * (gigabyte + 100) + 30 + 'm/data/4'.length + 2;
    pieces.push([last + 20, floats(1)], [last + gigabyte - 12, floats(5, 6, 7)]);
    const tensors = readTorch(file);
    expect(size).toBeGreaterThan(5 * gigabyte);
    expect(tensors.get('big.3')?.shape).toEqual([1024, 262_144]);
    expect(bytes).toBeLessThan(100_000);
    expect([...(tensors.get('small')?.read() ?? [])]).toEqual([5, 6, 7]);
    expect(bytes).toBeLessThan(100_012);
    expect([...(tensors.get('apart')?.read() ?? [])]).toEqual([1, 7]);
    expect(most).toBeLessThan(5_000_000);
  });
});
