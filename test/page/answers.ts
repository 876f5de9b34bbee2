/** Answers as the API documents them, for the parts of it that the server under test does not have. */
import type { Page } from 'playwright-core';

import { EXAMPLE } from './example.ts';

const JOINT = [
  ['you', 'right'],
  ['him', 'not'],
  ['it', 'happy'],
  ['me', 'well'],
  ['you', 'my'],
].map((token_strs, i) => ({
  score: 0.031 / (i + 1),
  token: 49,
  token_str: token_strs[0],
  tokens: [49, 34],
  token_strs,
  sequence: `I love ${token_strs[0]} because you are ${token_strs[1]}.`,
}));

const NOWHERE = { utf16: [0, 0], code_points: [0, 0] };
const TOKENS = {
  tokens: [
    { token: 2, piece: '[CLS]', token_str: '[CLS]', special: true, offsets: NOWHERE },
    { token: 79, piece: '▁me', token_str: 'me', special: false, offsets: { utf16: [0, 2], code_points: [0, 2] } },
    { token: 4, piece: '[MASK]', token_str: '[MASK]', special: false, offsets: { utf16: [3, 9], code_points: [3, 9] } },
    { token: 3, piece: '[SEP]', token_str: '[SEP]', special: true, offsets: NOWHERE },
  ],
};

export async function standInForJoint(page: Page, origin: string): Promise<void> {
  await standIn(page, origin, '/fill-mask', { inputs: EXAMPLE, parameters: { strategy: 'joint' } }, JOINT);
}

export async function standInForTokens(page: Page, origin: string): Promise<void> {
  await standIn(page, origin, '/tokenize', { inputs: 'me [MASK]' }, TOKENS);
}

async function standIn(page: Page, origin: string, path: string, body: unknown, answer: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const real = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!real.ok) await page.route(`**${path}`, (route) => route.fulfill({ json: answer }));
}
