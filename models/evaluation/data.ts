/** Finds and reads the evaluation sets. Reads files, and unpacks archives with the system's `xz` and `tar`. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Two sentences of which one is acceptable English (BLiMP, Warstadt et al. 2020). */
interface MinimalPair {
  readonly good: string;
  readonly bad: string;
}

/** A fact with its object left out (ParaRel, Elazar et al. 2021): `[MASK]` in `text` replaces `answer`. */
export interface Fact {
  readonly text: string;
  readonly answer: string;
}

export interface EvaluationData {
  /** By the name of the set. */
  readonly blimp: ReadonlyMap<string, readonly MinimalPair[]>;
  readonly facts: readonly Fact[];
  /** Documents as their paragraphs, without titles. */
  readonly valid: readonly (readonly string[])[];
  readonly wikitext: readonly (readonly string[])[];
}

export const WHERE_FROM = `Give the folder of the evaluation sets with --data <dir>. It holds, there or in eval/ and corpus/, packed or not:

  blimp/*.jsonl  (blimp.tar.xz)        BLiMP: data/ of github.com/alexwarstadt/blimp
  pararel/data/  (pararel.tar.xz)      ParaRel: data/trex_lms_vocab/ and data/pattern_data/graphs_json/ of
                                       github.com/yanaiela/pararel
  wikitext-2-raw-test.txt(.xz)         wiki.test.raw of WikiText-2 (Merity et al. 2016)
  valid.txt(.xz)                       text that the model was not trained on: a title line, a paragraph a line, a
                                       blank line after each document

These are other people's texts, so they are not in this repository.`;

const run = promisify(execFile);
const MAX_TEXT_BYTES = 1 << 30;

/** @throws naming what is missing or cannot be read, and where it comes from */
export async function readEvaluationData(folder: string): Promise<EvaluationData> {
  const [blimp, pararel] = [await locate(folder, 'blimp', '.tar.xz'), await locate(folder, 'pararel', '.tar.xz')];
  const [valid, wikitext] = [
    await locate(folder, 'valid.txt', '.xz'),
    await locate(folder, 'wikitext-2-raw-test.txt', '.xz'),
  ];
  return {
    blimp: await unpacked(blimp, readBlimp),
    facts: await unpacked(pararel, readFacts),
    valid: splitDocuments(await readText(valid)),
    wikitext: splitWikitext(await readText(wikitext)),
  };
}

async function locate(folder: string, name: string, packed: string): Promise<string> {
  for (const inside of ['', 'eval', 'corpus']) {
    for (const ending of ['', packed]) {
      const path = join(folder, inside, name + ending);
      if (existsSync(path)) return path;
    }
  }
  throw new Error(`${folder} has no ${name} and no ${name}${packed}.\n\n${WHERE_FROM}`);
}

async function unpacked<T>(path: string, read: (folder: string) => Promise<T>): Promise<T> {
  if (!path.endsWith('.tar.xz')) return read(path);
  const temporary = await mkdtemp(join(tmpdir(), 'evaluation-'));
  try {
    await command(path, 'tar', ['-xJf', path, '-C', temporary]);
    const [top = ''] = await readdir(temporary);
    return await read(join(temporary, top));
  } finally {
    await rm(temporary, { recursive: true });
  }
}

async function readText(path: string): Promise<string> {
  return path.endsWith('.xz') ? command(path, 'xz', ['-dc', path]) : readFile(path, 'utf8');
}

async function command(path: string, program: string, given: string[]): Promise<string> {
  try {
    return (await run(program, given, { maxBuffer: MAX_TEXT_BYTES })).stdout;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new Error(
      `${path} cannot be unpacked: ${why}. Is ${program} installed? Files that you unpack by hand are read, too.`,
      {
        cause,
      },
    );
  }
}

async function readBlimp(folder: string): Promise<EvaluationData['blimp']> {
  const sets = new Map<string, MinimalPair[]>();
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted()) {
    const lines = await readJsonLines(join(folder, file), ['sentence_good', 'sentence_bad']);
    sets.set(
      file.slice(0, -'.jsonl'.length),
      lines.map(({ sentence_good: good = '', sentence_bad: bad = '' }) => ({ good, bad })),
    );
  }
  return sets;
}

/** Each fact in the first pattern of its relation; two relations have no patterns. */
async function readFacts(folder: string): Promise<Fact[]> {
  const [facts, patterns] = [join(folder, 'data/trex_lms_vocab'), join(folder, 'data/pattern_data/graphs_json')];
  const found: Fact[] = [];
  for (const file of (await readdir(patterns)).filter((name) => name.endsWith('.jsonl')).toSorted()) {
    const [first] = await readJsonLines(join(patterns, file), ['pattern']);
    // Unlike English, the patterns have a space before the full stop.
    const pattern = first?.['pattern']?.replace(/ (?=[.,]$)/, '') ?? '';
    for (const { sub_label = '', obj_label = '' } of await readJsonLines(join(facts, file), [
      'sub_label',
      'obj_label',
    ])) {
      found.push({ text: pattern.replace('[X]', () => sub_label).replace('[Y]', '[MASK]'), answer: obj_label });
    }
  }
  return found;
}

async function readJsonLines(path: string, fields: string[]): Promise<Record<string, string>[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, i) => {
    let read: Record<string, unknown> = {};
    try {
      read = JSON.parse(line) as Record<string, unknown>;
    } catch {
      // Reported below, with the missing fields.
    }
    for (const field of fields) {
      if (typeof read[field] !== 'string') throw new Error(`${path}, line ${i + 1}: has no "${field}"`);
    }
    return read as Record<string, string>;
  });
}

function splitDocuments(text: string): string[][] {
  const documents = text.split(/\n{2,}/).map((document) => document.split('\n').slice(1).filter(Boolean));
  return documents.filter((paragraphs) => paragraphs.length > 0);
}

/** Articles begin with ` = Title = `; deeper headings are skipped. Lines may end in a carriage return. */
function splitWikitext(text: string): string[][] {
  const articles: string[][] = [[]];
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (/^= [^=].* =$/.test(line)) articles.push([]);
    else if (line && !line.startsWith('= ')) articles.at(-1)?.push(line);
  }
  return articles.filter((paragraphs) => paragraphs.length > 0);
}
