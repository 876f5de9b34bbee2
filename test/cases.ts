/** Checkpoints of public bug reports: CASES and CASES3 name the folders of two sets, with expected.json. Reads files. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `transformers` answers, or the name in a refusal. */
export interface Case {
  /** A letter, in the second set. */
  readonly kind?: string;
  readonly text: string;
  readonly refuse?: string | null;
  readonly ids?: readonly number[];
  readonly first?: number;
  readonly probability?: number;
  /** A route, its body, the statuses that are right, and a part of the answer (the first of a list). */
  readonly requests?: readonly [route: string, body: { inputs: string }, statuses: number[], part: object | ''][];
  /** A text, and the scores that /score gives for it. */
  readonly scored?: string;
  readonly scores?: readonly number[];
}

export const CASES_FOLDER = process.env['CASES'] ?? '';
export const CASES3_FOLDER = process.env['CASES3'] ?? '';

function readCases(folder: string): [string, Case][] {
  const file = join(folder, 'expected.json');
  if (!existsSync(file)) return [];
  return Object.entries((JSON.parse(readFileSync(file, 'utf8')) as { cases: Record<string, Case> }).cases);
}

const cases = readCases(CASES_FOLDER);
/** By the name of their folder; none where CASES is not set. */
export const ANSWERED = cases.filter(([, { refuse }]) => !refuse);
export const REFUSED = cases.filter(([, { refuse }]) => refuse);

/** The kinds of the second set that a folder alone shows. I is of a command's file: see keep-vocabulary.test.ts. */
const MENDED: ReadonlySet<string> = new Set('ABCDEFGHJK');
/** By the name of their folder; none where CASES3 is not set. */
export const SECOND_SET = readCases(CASES3_FOLDER).filter(([, { kind = '' }]) => MENDED.has(kind));
/** The kinds that show in a worker's answers, too. Of the others with requests, B and G, the folders are refused. */
export const ASKED = SECOND_SET.filter(([, { kind = '' }]) => 'CEJ'.includes(kind));
