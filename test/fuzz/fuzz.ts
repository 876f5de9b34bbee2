/** How a fuzzer runs: as long as FUZZ_SECONDS says, four seconds a property without it. A failure prints its seed. */
import * as fc from 'fast-check';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 4);

/** Longer than any input takes that is not a finding, on a slow and busy machine. */
const MAX_CPU_MS = 3_000;

/** For a test with a property. */
export const FUZZ_TIMEOUT = { timeout: 1000 * SECONDS + 60_000 };

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
  const details = fc.check(property, {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: 1000 * SECONDS,
    markInterruptAsFailure: false,
  });
  if (details.failed) throw new Error(fc.defaultReportMessage(details));
  return details.numRuns;
}
