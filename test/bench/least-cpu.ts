/** The minimum CPU time of backends on the same text, in interleaved rounds: other load on the machine hardly moves it. */
import type { Backend } from '../../src/inference/backend.ts';
import { encodingOf } from './workers/measuring.ts';

/** @returns (backends,) microseconds of a round, which runs the text as often as `round_tokens` allow */
export async function leastCpuTimes(
  backends: readonly Backend[],
  tokens: number,
  { rounds, round_tokens }: { readonly rounds: number; readonly round_tokens: number },
): Promise<number[]> {
  const encoding = encodingOf(tokens);
  const least = backends.map(() => Infinity);
  for (let round = 0; round < rounds; round++) {
    for (const [i, backend] of backends.entries()) {
      const begun = process.cpuUsage();
      for (let run = 0; run < round_tokens / tokens; run++) await backend.run([encoding]);
      const { user, system } = process.cpuUsage(begun);
      least[i] = Math.min(least[i] ?? Infinity, user + system);
    }
  }
  return least;
}
