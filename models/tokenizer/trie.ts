/** Builds a double-array trie of pieces, in the units of src/tokenizer/vocabulary/format.ts. No I/O. */
import { EMPTY, LEAF } from '../../src/tokenizer/vocabulary/format.ts';

/** A node, with the sorted pieces that pass through it: `from` up to, and without, `to`, at their byte `depth`. */
interface Node {
  /** The unit that leads to it. */
  readonly unit: number;
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

/** Units are 32 bits: a label in the lower eight. */
const MAX_NODES = 2 ** 24;
/** After this many free units that do not fit, a node is appended: smaller nodes fill the gaps. */
const MAX_TRIES = 256;

/**
 * @param pieces UTF-8. No two are equal and none is empty.
 * @returns (units,) with all 256 units of every node inside
 * @throws for more nodes, or a larger id, than a unit can hold
 */
export function buildTrie(
  pieces: readonly { readonly bytes: Uint8Array; readonly id: number }[],
): Uint32Array<ArrayBuffer> {
  const order = pieces.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes));
  const bases = new Set<number>();
  const units: number[] = [];
  /** Links from a used unit towards the next free one. Unit 0 is the root's. */
  const onward: number[] = [1];

  const nextFree = (from: number): number => {
    let unit = from;
    for (let next = onward[unit]; next !== undefined; next = onward[unit]) {
      // Path compression: halves the path for later searches.
      const after = onward[next] ?? next;
      onward[unit] = after;
      unit = after;
    }
    return unit;
  };
  const place = (labels: readonly number[]): number => {
    const least = labels[0] ?? 0;
    for (let unit = nextFree(least + 1), tries = 0; ; unit = nextFree(unit + 1), tries++) {
      if (tries === MAX_TRIES) unit = Math.max(unit, onward.length);
      const base = unit - least;
      if (!bases.has(base) && labels.every((label) => onward[base + label] === undefined)) return base;
    }
  };
  const setUnit = (unit: number, value: number, label: number) => {
    units[unit] = ((value << 8) | label) >>> 0;
    onward[unit] ??= unit + 1;
  };

  // Breadth first, so that the crowded nodes at the top are placed while there is room.
  const nodes: Node[] = [{ unit: 0, from: 0, to: order.length, depth: 0 }];
  for (const { unit, from, to, depth } of nodes) {
    const children: { label: number; from: number; to: number }[] = [];
    for (let i = from; i < to; i++) {
      const label = order[i]?.bytes[depth];
      // The piece that ends at this node comes first.
      if (label === undefined) continue;
      const last = children.at(-1);
      if (last?.label === label) last.to = i + 1;
      else children.push({ label, from: i, to: i + 1 });
    }
    const ended = order[from]?.bytes.length === depth ? order[from] : undefined;
    const labels = children.map(({ label }) => label);
    if (ended) labels.push(LEAF);

    const base = place(labels);
    if (base >= MAX_NODES) throw new RangeError(`the vocabulary needs more than ${MAX_NODES} units`);
    bases.add(base);
    setUnit(unit, base, unit === 0 ? EMPTY : (units[unit] ?? EMPTY) & 0xff);
    if (ended) setUnit(base + LEAF, ended.id, LEAF);
    for (const { label, from: first, to: last } of children) {
      setUnit(base + label, 0, label);
      nodes.push({ unit: base + label, from: first, to: last, depth: depth + 1 });
    }
  }
  let length = 0;
  for (const base of bases) length = Math.max(length, base + 256);
  return Uint32Array.from({ length }, (_, unit) => units[unit] ?? EMPTY);
}
