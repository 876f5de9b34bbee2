/** Random numbers that depend on the seed only. No I/O. */

/** @returns integers from 0 to `below` - 1: SplitMix (Steele, Lea & Flood 2014) in 32 bits */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32) * below);
  };
}

/** `count` of the values, or all of them, in random order. */
export function sample<T>(values: readonly T[], count: number, random: (below: number) => number): T[] {
  const drawn = [...values];
  const wanted = Math.min(count, drawn.length);
  for (let i = 0; i < wanted; i++) {
    const j = i + random(drawn.length - i);
    [drawn[i], drawn[j]] = [drawn[j] as T, drawn[i] as T];
  }
  return drawn.slice(0, wanted);
}
