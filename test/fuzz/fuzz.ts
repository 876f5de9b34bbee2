/** How a fuzzer runs: as long as FUZZ_SECONDS says, four seconds a property without it. A failure prints its seed. */
import * as fc from 'fast-check';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 4);

/** Longer than any input takes that is not a finding, on a slow and busy machine. */
const MAX_CPU_MS = 3_000;

/** For a test with a property. */
export const FUZZ_TIMEOUT = { timeout: 1000 * SECONDS + 60_000 };

const RUNS = {
  numRuns: Number.MAX_SAFE_INTEGER,
  interruptAfterTimeLimit: 1000 * SECONDS,
  markInterruptAsFailure: false,
};

/** @returns how many values were checked */
function report(details: fc.RunDetails<unknown>): number {
  if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
  return details.numRuns;
}

/**
 * Checks a property for random values.
 * @returns how many
 * @throws with the smallest value that fails, and its seed
 */
export function fuzz<T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => void): number {
  const property = fc.property(arbitrary, (value) => {
    const before = process.cpuUsage();
    check(value);
    const { user } = process.cpuUsage(before);
    if (user > 1000 * MAX_CPU_MS) throw new Error(`took ${user / 1000} ms of CPU`);
  });
  return report(fc.check(property, RUNS));
}

/** The same for a property that takes turns. What takes longer than a machine that is busy may is a hang. */
export async function fuzzAsync<T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => Promise<void>): Promise<number> {
  return report(await fc.check(fc.asyncProperty(arbitrary, check), { ...RUNS, timeout: 2 * MAX_CPU_MS }));
}
