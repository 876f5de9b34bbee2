/** The last line of a CI run, `N passed, N failed, N skipped`: the sum of Vitest's JSON reports, and the failed checks, which the arguments name. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: { assertionResults: { status: string; fullName: string }[] }[];
}

const failedChecks = process.argv.slice(2);
for (const name of failedChecks) console.log(`failed: ${name}`);

let passed = 0;
let failed = failedChecks.length;
let skipped = 0;
for (const file of globSync(join(import.meta.dirname, '.reports/*.json'))) {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  passed += report.numPassedTests;
  // A file that fails to load has a failed suite and no failed test.
  failed += Math.max(report.numFailedTests, report.numFailedTestSuites);
  for (const { status, fullName } of report.testResults.flatMap(({ assertionResults }) => assertionResults)) {
    if (status === 'passed' || status === 'failed') continue;
    console.log(`skipped: ${fullName}`);
    // A test may be skipped only if the checkout lacks something, and its name tells what.
    if (fullName.includes('(skipped')) skipped++;
    else failed++;
  }
}
if (passed === 0 && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
if (failed > 0) process.exitCode = 1;
