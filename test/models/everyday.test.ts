/** Sixty everyday sentences, answered with the served weights. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, inject, it } from 'vitest';

import { readCheckpoint } from '../../models/build/build.ts';
import { engineBackend } from '../../models/evaluation/backends.ts';
import type { Backend } from '../../src/inference/backend.ts';
import { topCandidates } from '../../src/predict/top-k.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import everyday from '../fixtures/everyday.json' with { type: 'json' };

/** How many of each must be right: a few fewer than in the model card, so that another CPU passes, too. */
const LEAST = { grammar: 21, words: 17, facts: 13 };
const TOP_K = 5;

let backend: Backend;
let tokenizer: Tokenizer;

beforeAll(async () => {
  const { id, folder } = inject('built');
  const { packed, special_tokens } = (await readCheckpoint(id)).tokenizer;
  tokenizer = createTokenizer(packed, special_tokens);
  backend = await engineBackend(await readFile(join(folder, 'model.efm')));
});

/** The logits at the only mask of a text. */
async function ask(text: string) {
  const [answer] = await backend.run([tokenizer.encode(findMasks(text))]);
  if (!answer) throw new Error('no answer');
  return answer;
}

function idOf(word: string): number {
  const [id, ...more] = tokenizer.encodeTarget(word, ' ');
  if (id === undefined || more.length > 0 || id === tokenizer.unk_id) throw new Error(`"${word}" is not one piece`);
  return id;
}

async function inTopFive({ text, answers }: { text: string; answers: string[] }): Promise<boolean> {
  const { mlm, log_sum_exp } = await ask(text);
  const best = new Set(topCandidates(mlm, log_sum_exp[0] ?? NaN, TOP_K).map(({ token }) => token));
  return answers.map(idOf).some((id) => best.has(id));
}

/** The texts with a wrong answer. */
async function wrong<T extends { text: string }>(items: readonly T[], right: (item: T) => Promise<boolean>) {
  const missed: string[] = [];
  for (const item of items) if (!(await right(item))) missed.push(item.text);
  return missed;
}

describe('everyday sentences', () => {
  it('are sixty', () => {
    const { grammar, words, facts } = everyday;
    expect(new Set([...grammar, ...words, ...facts].map(({ text }) => text)).size).toBe(60);
  });

  it('have the word that grammar wants rather than another', async () => {
    const missed = await wrong(everyday.grammar, async ({ text, right, wrong: other }) => {
      const { mlm } = await ask(text);
      return (mlm[idOf(right)] ?? NaN) > (mlm[idOf(other)] ?? NaN);
    });
    expect(everyday.grammar.length - missed.length, missed.join('\n')).toBeGreaterThanOrEqual(LEAST.grammar);
  });

  it.each(['words', 'facts'] as const)('have a right answer among the first five: %s', async (kind) => {
    const missed = await wrong(everyday[kind], inTopFive);
    expect(everyday[kind].length - missed.length, missed.join('\n')).toBeGreaterThanOrEqual(LEAST[kind]);
  });
});
