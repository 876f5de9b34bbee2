/** Checkpoints of public bug reports: CASES names their folder, with expected.json. Reads files. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `transformers` answers, or the name in a refusal. */
export interface Case {
  readonly text: string;
  readonly refuse: string | null;
  readonly ids?: readonly number[];
  readonly first?: number;
  readonly probability?: number;
}

export const CASES_FOLDER = process.env['CASES'] ?? '';
const FILE = join(CASES_FOLDER, 'expected.json');

const cases = existsSync(FILE)
  ? Object.entries((JSON.parse(readFileSync(FILE, 'utf8')) as { cases: Record<string, Case> }).cases)
  : [];

/** By the name of their folder; none where CASES is not set. */
export const ANSWERED = cases.filter(([, { refuse }]) => !refuse);
export const REFUSED = cases.filter(([, { refuse }]) => refuse);
