/** Patterns mean what they mean to `tokenizers`: those of the table, and random ones in random texts. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { readPattern, replaceAll } from '../../../src/tokenizer/patterns.ts';
import { READ } from '../../src/tokenizer/pattern-table.ts';

const PYTHON = process.env['PYTHON'];
const COUNT = 4000;
const random = seeded(36);
const pick = (values: readonly string[]) => values[random(values.length)] ?? '';
const some = (most: number, make: () => string) => Array.from({ length: 1 + random(most) }, make).join('');

const CHARACTERS = String.raw`a|b|s|t|-| |1|é|ß|_|\.|\-|\n|漢|²|.|\x41|\x{1f600}|\u0061`
  .split('|')
  .concat('\u212a', 'ſ');
const SETS =
  String.raw`\w|\W|\d|\D|\s|\S|\h|\H|\N|\O|\p{L}|\P{L}|\p{Lu}|\p{^P}|\p{Han}|\p{latin}|\p{punct}|\p{Alnum}`.split('|');
const IN_CLASS =
  String.raw`a-c|\w|\W|\d|\s|\S|\h|[:alpha:]|[:^space:]|[:punct:]|[:word:]|\p{Ll}|é|b|1|-|\-|\]|&|x-z|[ab]|[^b]|\n|.|²|ß|\b`.split(
    '|',
  );
const TIMES = ' | | | |?|*|+|{2}|{1,2}|{,2}|{2,}|??|+?|*?|++|?+|{1,2}?'.split('|').map((times) => times.trim());
const CONDITIONS = String.raw`^;$;\A;\z;\Z;\b;\B;(?=a);(?!b);(?<=a);(?<![a\n]);(?<=ab|c)`.split(';');
const GROUPS = ['(', '(', '(?:', '(?:', '(?m:', '(?#c)('];
const TEXTS =
  'a|b|c|s|t|S|A|B|-| |  |1|é|É|ß|ẞ|ss|_|.|\n|\r\n|\r|漢|²|K|ſ|X|😀|\t|ﬆ|ﬁ|&|]|aaa|٣|\b|\u212a|\u2028|\u0301'.split(
    '|',
  );

function term(depth: number): string {
  const kind = random(100);
  if (kind < 40) return pick(CHARACTERS) + pick(TIMES);
  if (kind < 60) return pick(SETS) + pick(TIMES);
  if (kind < 75) {
    const other = random(4) === 0 ? `&&${pick(IN_CLASS)}` : '';
    return `[${random(3) === 0 ? '^' : ''}${some(3, () => pick(IN_CLASS))}${other}]${pick(TIMES)}`;
  }
  if (kind < 87) return pick(CONDITIONS);
  if (kind < 90) return String.raw`\R` + pick(TIMES);
  if (kind < 92 || depth > 2) return String.raw`\1`;
  return `${pick(GROUPS)}${alternatives(depth + 1)})${pick(TIMES)}`;
}
function alternatives(depth: number): string {
  const first = some(3, () => term(depth));
  return random(3) > 0 ? first : `${first}|${random(9) === 0 ? '' : some(3, () => term(depth))}`;
}

const replaced = (Regex: string, text: string): string | undefined => {
  try {
    return replaceAll(text, readPattern({ Regex }).regex, () => '_');
  } catch {
    return undefined;
  }
};

async function byPython(asked: readonly (readonly [string, string])[]): Promise<(string | null)[]> {
  const running = promisify(execFile)(PYTHON ?? '', [join(import.meta.dirname, 'replace.py')], { maxBuffer: 2 ** 26 });
  running.child.stdin?.end(JSON.stringify(asked));
  return JSON.parse((await running).stdout) as (string | null)[];
}

describe.skipIf(!PYTHON)('a pattern (skipped unless PYTHON names one with tokenizers)', () => {
  it('of the table makes of its text what tokenizers makes of it', async () => {
    expect(await byPython(READ.map(([pattern, text]) => [pattern, text]))).toEqual(READ.map(([, , after]) => after));
  });

  it(`of ${COUNT} random ones that is read makes of a random text what tokenizers makes of it`, async () => {
    const asked = Array.from({ length: COUNT }, () => {
      const pattern = pick(['', '', '', '(?i)', '(?m)', '(?x)']) + alternatives(0);
      return [pattern, some(14, () => pick(TEXTS))] as const;
    });
    const ours = asked.map(([pattern, text]) => replaced(pattern, text));
    const theirs = await byPython(asked);
    const read = asked.flatMap(([pattern, text], i) =>
      // A pattern that only Oniguruma refuses is in no file.
      ours[i] === undefined || theirs[i] === null ? [] : [{ pattern, text, ours: ours[i], theirs: theirs[i] }],
    );
    expect(read.length).toBeGreaterThan(COUNT / 3);
    expect(read.filter((one) => one.ours !== one.theirs)).toEqual([]);
  });
});
