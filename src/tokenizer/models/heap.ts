/** A binary min-heap of numbers. No I/O. */
export interface Heap {
  clear(): void;
  push(value: number): void;
  /** Removes and returns the least; undefined if the heap is empty. */
  pop(): number | undefined;
}

export function createHeap(): Heap {
  const values: number[] = [];
  const at = (i: number) => values[i] ?? Infinity;
  return {
    clear() {
      values.length = 0;
    },

    push(value) {
      let i = values.length;
      for (let parent = (i - 1) >> 1; i > 0 && at(parent) > value; i = parent, parent = (i - 1) >> 1) {
        values[i] = at(parent);
      }
      values[i] = value;
    },

    pop() {
      const [least] = values;
      const last = values.pop();
      if (last === undefined || values.length === 0) return least;
      let i = 0;
      for (;;) {
        const child = at(2 * i + 1) <= at(2 * i + 2) ? 2 * i + 1 : 2 * i + 2;
        if (at(child) >= last) break;
        values[i] = at(child);
        i = child;
      }
      values[i] = last;
      return least;
    },
  };
}
