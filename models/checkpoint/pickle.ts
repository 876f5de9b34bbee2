/**
 * Reads a pickle as plain data: dictionaries, lists, tuples, strings, numbers, booleans and None. A pickle can name any function of
 * Python and call it. Here a name is looked up in a table of the caller, and every other name is refused, so no code runs. No I/O.
 */
import type { Fail } from './stored-tensor.ts';

export class Tuple {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}
/** Other dictionaries are maps. */
export class OrderedDict extends Map<unknown, unknown> {}

/** Something that a pickle may call with arguments. */
type Callable = (args: readonly unknown[]) => unknown;

export interface Reader {
  /** What a name stands for; a function can be called. */
  readonly names: ReadonlyMap<string, unknown>;
  /** What a persistent id stands for. */
  readonly persistent: (id: unknown) => unknown;
  readonly fail: Fail;
}

/** Some hundred tensors take some ten thousand. The limit bounds the memory that a pickle of empty dictionaries takes. */
const MAX_OPERATIONS = 500_000;
/** Magic numbers have 10 bytes. */
const MAX_NUMBER_BYTES = 256;
const MAX_NAME_BYTES = 256;

/** Operations that no weights need, for the refusal. */
const REFUSED: Readonly<Record<number, string>> = {
  0x69: 'INST',
  0x6f: 'OBJ',
  0x81: 'NEWOBJ',
  0x92: 'NEWOBJ_EX',
  0x82: 'EXT1',
  0x83: 'EXT2',
  0x84: 'EXT4',
  0x50: 'PERSID',
};

/**
 * @param from where the pickle begins
 * @returns its value, and where it ends
 * @throws by name, if it has a name or an operation that weights do not need, or is damaged
 */
export function readPickle(bytes: Uint8Array, from: number, reader: Reader): { value: unknown; end: number } {
  const { names, persistent, fail } = reader;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const stack: unknown[] = [];
  const marks: number[] = [];
  const memo = new Map<number, unknown>();
  let at = from;

  /** Where the next bytes begin, which are then behind. */
  const take = (length: number): number => {
    if (length > bytes.length - at) fail('the pickle ends in the middle');
    at += length;
    return at - length;
  };
  const u8 = () => view.getUint8(take(1));
  const u16 = () => view.getUint16(take(2), true);
  const u32 = () => view.getUint32(take(4), true);
  const u64 = () => Number(view.getBigUint64(take(8), true));
  const text = (length: number): string => {
    const start = take(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, at));
    } catch {
      return fail('the pickle has a string that is not UTF-8');
    }
  };
  const line = (): string => {
    const end = bytes.subarray(at, at + MAX_NAME_BYTES).indexOf(0x0a);
    if (end < 0) fail('the pickle has a name without an end');
    const found = text(end);
    take(1);
    return found;
  };
  const integer = (length: number): number | bigint => {
    if (length > MAX_NUMBER_BYTES) fail(`the pickle has a number of ${length} bytes`);
    const start = take(length);
    let value = 0n;
    for (let i = at - 1; i >= start; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };

  const pop = (): unknown => {
    if (stack.length <= (marks.at(-1) ?? 0)) fail('the pickle takes a value from an empty stack');
    return stack.pop();
  };
  const popMark = (): unknown[] => stack.splice(marks.pop() ?? fail('the pickle has no mark'));
  const top = (): unknown => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const tuple = (length: number) => new Tuple(Array.from({ length }, pop).toReversed());
  const recall = (index: number): unknown =>
    memo.has(index) ? memo.get(index) : fail('the pickle recalls what it did not keep');
  const append = (items: readonly unknown[]) => {
    const list = top();
    if (!Array.isArray(list)) return fail('the pickle appends to what is not a list');
    for (const item of items) list.push(item);
  };
  const setItems = (items: readonly unknown[]) => {
    const map = top();
    if (!(map instanceof Map)) return fail('the pickle sets an item of what is not a dictionary');
    if (items.length % 2 !== 0) fail('the pickle sets a key without a value');
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  };
  const resolve = (module: unknown, name: unknown): unknown => {
    if (typeof module !== 'string' || typeof name !== 'string')
      return fail('the pickle has a name that is not a string');
    const full = `${module}.${name}`;
    if (names.has(full)) return names.get(full);
    return fail(
      `the pickle names ${full.slice(0, MAX_NAME_BYTES)}, which no weights need, and a pickle can run what it names: nothing of it was run`,
    );
  };
  const call = () => {
    const args = pop();
    const called = pop();
    if (typeof called !== 'function' || !(args instanceof Tuple))
      return fail('the pickle calls what is not a function');
    stack.push((called as Callable)(args.items));
  };
  const build = () => {
    const state = pop();
    // Attributes of a dictionary, such as the versions of its modules, which no tensor depends on.
    if (!(top() instanceof OrderedDict && state instanceof Map))
      fail('the pickle sets the state of what has none (BUILD)');
  };

  for (let done = 0; ; done++) {
    if (done === MAX_OPERATIONS) fail(`the pickle has more than ${MAX_OPERATIONS} operations`);
    const start = at;
    const operation = u8();
    switch (operation) {
      case 0x80: // PROTO
        u8();
        break;
      case 0x95: // FRAME
        u64();
        break;
      case 0x2e: // STOP
        return { value: pop(), end: at };
      case 0x28: // MARK
        marks.push(stack.length);
        break;
      case 0x30: // POP
        pop();
        break;
      case 0x31: // POP_MARK
        popMark();
        break;
      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
        stack.push(true);
        break;
      case 0x89: // NEWFALSE
        stack.push(false);
        break;
      case 0x4b: // BININT1
        stack.push(u8());
        break;
      case 0x4d: // BININT2
        stack.push(u16());
        break;
      case 0x4a: // BININT
        stack.push(view.getInt32(take(4), true));
        break;
      case 0x8a: // LONG1
        stack.push(integer(u8()));
        break;
      case 0x8b: // LONG4
        stack.push(integer(u32()));
        break;
      case 0x47: // BINFLOAT
        stack.push(view.getFloat64(take(8)));
        break;
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING, of Python 2
        stack.push(text(u32()));
        break;
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING, of Python 2
        stack.push(text(u8()));
        break;
      case 0x8d: // BINUNICODE8
        stack.push(text(u64()));
        break;
      case 0x5d: // EMPTY_LIST
        stack.push([]);
        break;
      case 0x61: // APPEND
        append([pop()]);
        break;
      case 0x65: // APPENDS
        append(popMark());
        break;
      case 0x29: // EMPTY_TUPLE
        stack.push(tuple(0));
        break;
      case 0x85: // TUPLE1
        stack.push(tuple(1));
        break;
      case 0x86: // TUPLE2
        stack.push(tuple(2));
        break;
      case 0x87: // TUPLE3
        stack.push(tuple(3));
        break;
      case 0x74: // TUPLE
        stack.push(new Tuple(popMark()));
        break;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        break;
      case 0x73: // SETITEM
        setItems([pop(), pop()].toReversed());
        break;
      case 0x75: // SETITEMS
        setItems(popMark());
        break;
      case 0x71: // BINPUT
        memo.set(u8(), top());
        break;
      case 0x72: // LONG_BINPUT
        memo.set(u32(), top());
        break;
      case 0x94: // MEMOIZE
        memo.set(memo.size, top());
        break;
      case 0x68: // BINGET
        stack.push(recall(u8()));
        break;
      case 0x6a: // LONG_BINGET
        stack.push(recall(u32()));
        break;
      case 0x63: // GLOBAL
        stack.push(resolve(line(), line()));
        break;
      case 0x93: {
        // STACK_GLOBAL
        const name = pop();
        stack.push(resolve(pop(), name));
        break;
      }
      case 0x52: // REDUCE
        call();
        break;
      case 0x62: // BUILD
        build();
        break;
      case 0x51: // BINPERSID
        stack.push(persistent(pop()));
        break;
      default:
        // The name that it makes an object of says more.
        if (REFUSED[operation] === 'INST') resolve(line(), line());
        fail(
          `the pickle has the operation ${REFUSED[operation] ?? `0x${operation.toString(16)}`} at byte ${start}, which no weights need`,
        );
    }
  }
}
