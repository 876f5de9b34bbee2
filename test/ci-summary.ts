/** The last line of a CI run, from Vitest's JSON report: `N passed, N failed`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: { assertionResults: { status: string; fullName: string }[] }[];
}

const text = await readFile(join(import.meta.dirname, '.report.json'), 'utf8').catch(() => undefined);
if (text === undefined) {
  console.log('0 passed, 1 failed');
  process.exit(1);
}
const report = JSON.parse(text) as Report;
const unrun = report.testResults
  .flatMap(({ assertionResults }) => assertionResults)
  .filter(({ status }) => status !== 'passed' && status !== 'failed');
// Only what needs something that a checkout lacks may be skipped, and says so in its name.
const unexplained = unrun.filter(({ fullName }) => !fullName.includes('(skipped'));
for (const { fullName } of unrun) console.log(`skipped: ${fullName}`);
// A file that fails to load has a failed suite and no failed test.
const failed = Math.max(report.numFailedTests, report.numFailedTestSuites) + unexplained.length;
console.log(`${report.numPassedTests} passed, ${failed} failed`);
if (failed > 0 || report.numPassedTests === 0) process.exitCode = 1;
