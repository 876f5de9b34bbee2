import { describe, expect, it } from 'vitest';

import {
  parseCandidates,
  parseCombinations,
  parseError,
  parseModels,
  parseLabels,
  parseScores,
  parseTokens,
} from '../../../src/page/parse-response.ts';
import { parseRetryAfter } from '../../../src/page/api.ts';
import { fillMask, fillMasks, percent, replacementIn } from '../../../src/page/filling.ts';
import { describeCacheStatus, describeSeconds, describeWork, parseTimings } from '../../../src/page/cache-status.ts';
import { bodyOf, findWrongModels, fragmentOf, parseFragment, parseTargets } from '../../../src/page/question.ts';
import { findGaps, spellGaps, splitWords } from '../../../src/page/gaps.ts';
import { json, python, quoteForShell } from '../../../src/page/quote.ts';
import { LANGUAGES, snippet } from '../../../src/page/snippets.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';

const USUAL = { top_k: 5, targets: [], joint: false, only_words: false, whole_words: false };

describe('which cache answered', () => {
  it.each([
    ['isolate; hit; ttl=2592000', "cached in the worker's memory"],
    ['isolate; fwd=miss; stored, edge; hit; ttl=60', 'cached at the edge'],
    ['isolate; fwd=miss; stored, edge; fwd=miss; stored', 'computed by the model'],
    ['isolate; fwd=miss; stored', 'computed by the model'],
    ['isolate; fwd=bypass', 'computed by the model: this deployment has no cache'],
    ['isolate; fwd=request, edge; fwd=request', 'computed by the model: the browser asked for no cached answer'],
    ['"Edge, of; someone"; hit', 'cached by a proxy (Edge, of; someone)'],
    ['isolate; hit, CDN; hit; detail="a, b; c"', 'cached by a proxy (CDN)'],
    ['', 'computed by the model'],
    [',;,"', 'computed by the model'],
  ])('is read from Cache-Status: %s', (header, words) => {
    expect(describeCacheStatus(header)).toBe(words);
  });

  it('is not known without the header', () => {
    expect(describeCacheStatus(null)).toBe('the server does not say');
  });
});

describe('where the time went', () => {
  it('is read from Server-Timing, whether there are durations or not', () => {
    const timings = parseTimings(
      'load;dur=0.1, tokenize;desc="texts=1, or so", infer;desc="tokens=11 masks=2";dur="5.3"',
    );
    expect(Object.fromEntries(timings)).toEqual({
      load: { dur: 0.1 },
      tokenize: { desc: 'texts=1, or so' },
      infer: { desc: 'tokens=11 masks=2', dur: 5.3 },
    });
    expect(parseTimings('')).toEqual(new Map());
    expect(Object.fromEntries(parseTimings('a;dur=soon;;,,b'))).toEqual({ a: {}, b: {} });
  });

  it('is told in words', () => {
    const headers = new Headers({
      'cache-status': 'isolate; fwd=miss, edge; fwd=miss',
      'server-timing': 'load;dur=43, infer;desc="tokens=11 masks=2";dur=5.3',
    });
    expect(describeWork(headers, 61.2)).toEqual([
      ['Answer', 'computed by the model'],
      ['Round trip', '61 ms'],
      ['Reading the model', '43 ms'],
      ['Computing', '5.3 ms'],
      ['Computed', '11 tokens'],
    ]);
    const cached = { 'cache-status': 'isolate; hit', 'server-timing': 'infer;desc="tokens=0 masks=0"' };
    expect(describeWork(new Headers(cached), 1234)).toEqual([
      ['Answer', "cached in the worker's memory"],
      ['Round trip', '1.2 s'],
    ]);
  });

  it.each([
    [0, '0 seconds'],
    [1, '1 second'],
    [89, '89 seconds'],
    [90, '2 minutes'],
    [7200, '2 hours'],
    [86_400 * 30, '30 days'],
  ])('has units: %d', (seconds, words) => {
    expect(describeSeconds(seconds)).toBe(words);
  });

  it.each([
    ['5', 5],
    ['Tue, 01 Dec 2026 00:00:10 GMT', 10],
    ['Mon, 30 Nov 2026 00:00:00 GMT', 0],
    ['0', 0],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('has an end: Retry-After %s', (header, seconds) => {
    expect(parseRetryAfter(header, Date.parse('2026-12-01T00:00:00Z'))).toBe(seconds);
  });

  it('is not promised too soon', () => {
    expect(parseRetryAfter('Tue, 01 Dec 2026 00:00:10 GMT', Date.parse('2026-12-01T00:00:00.900Z'))).toBe(10);
  });
});

describe('a question', () => {
  const question = {
    text: 'A & b\n#[MASK] 🦊+%',
    top_k: 20,
    targets: ['you', 'me'],
    joint: true,
    only_words: true,
    whole_words: true,
    model: 'other',
    other: 'third',
  };

  it('is the same after it was a link', () => {
    expect(parseFragment(fragmentOf(question))).toEqual(question);
    const plain = { ...USUAL, text: '[MASK]', model: '', other: '' };
    expect(fragmentOf(plain)).toBe('#text=%5BMASK%5D');
    expect(parseFragment(fragmentOf(plain))).toEqual(plain);
  });

  it.each(['', '#', '#text', '#text=', '#top_k=5', '#%%%'])('is not in a link like %s', (fragment) => {
    expect(parseFragment(fragment)).toBeUndefined();
  });

  it.each(['0', '1001', '1.5', 'many', '-3', '1e9'])('has the usual number of candidates for top_k=%s', (top_k) => {
    expect(parseFragment(`#text=a&top_k=${top_k}`)?.top_k).toBe(5);
  });

  it.each(['../admin', '..', 'a/../..', '%2e%2e', 'A', 'a@0123', 'a@0123456789abcdef@b', 'a?b', 'a#b', '//host'])(
    'is never sent to the path %s of a link',
    (name) => {
      const fragment = `#text=a&model=${encodeURIComponent(name)}&compare=${encodeURIComponent(name)}`;
      expect(parseFragment(fragment)).toMatchObject({ model: '', other: '' });
      expect(findWrongModels(fragment)).toEqual([name, name]);
    },
  );

  it.each(['albert-edge', 'a.b_c-1@0123456789abcdef'])('keeps the model %s of a link', (name) => {
    expect(parseFragment(`#text=a&model=${name}`)).toMatchObject({ model: name, other: '' });
    expect(findWrongModels(`#text=a&model=${name}`)).toEqual([]);
  });

  it('sends only what differs from what is usual', () => {
    const usual = { ...USUAL, text: 'a', model: '', other: '' };
    expect(bodyOf(usual)).toEqual({ inputs: 'a' });
    expect(bodyOf({ ...usual, top_k: 3 })).toEqual({ inputs: 'a', parameters: { top_k: 3 } });
    expect(bodyOf({ ...usual, top_k: 3, targets: ['b'] })).toEqual({ inputs: 'a', parameters: { targets: ['b'] } });
    expect(bodyOf({ ...usual, joint: true })).toEqual({ inputs: 'a', parameters: { strategy: 'joint' } });
    const parameters = { filter: 'words', whole_words: true };
    expect(bodyOf({ ...usual, only_words: true, whole_words: true })).toEqual({ inputs: 'a', parameters });
  });

  it('names each word once', () => {
    expect(parseTargets(' new york,you,, you ,')).toEqual(['new york', 'you']);
    expect(parseTargets(' ,')).toEqual([]);
  });
});

describe('words in a text', () => {
  const masked = findMasks('[MASK] and <mask>.');

  it('stand where the masks stood, in their own spelling where none was chosen', () => {
    expect(fillMasks(masked, ['you', undefined])).toBe('you and <mask>.');
    expect(fillMasks(masked, [undefined, 'me'])).toBe('[MASK] and me.');
    expect(fillMasks(masked, [undefined, undefined])).toBe(masked.text);
  });

  it('are found in the sequence of the API', () => {
    expect(replacementIn('you and <mask>.', masked, 0)).toEqual({ word: 'you', joins: false });
    expect(replacementIn('[MASK] and [MASK].', masked, 1)).toEqual({ word: '[MASK]', joins: false });
    expect(replacementIn('[MASK] and,.', masked, 1)).toEqual({ word: ',', joins: true });
    // What stands before and after the mask cannot be the same characters.
    expect(replacementIn('a', findMasks('a[MASK]a'), 0)).toBeUndefined();
    expect(replacementIn('aa', findMasks('a[MASK]a'), 0)).toEqual({ word: '', joins: false });
    expect(fillMask(masked, 1, { word: ',', joins: true })).toBe('[MASK] and,.');
    expect(fillMask(masked, 0, { word: 'you', joins: false })).toBe('you and <mask>.');
    expect(replacementIn('another text.', masked, 1)).toBeUndefined();
    expect(replacementIn('[MASK] and', masked, 1)).toBeUndefined();
    expect(replacementIn('you', masked, 2)).toBeUndefined();
  });

  it.each([
    [1, '100.0%'],
    [0.2419, '24.2%'],
    [0.99999, '>99.9%'],
    [0.001, '0.10%'],
    [0.00504, '0.50%'],
    [0.000_456, '0.046%'],
    [0.000_1, '0.010%'],
    [0.000_099, '<0.01%'],
    [1.2e-9, '<0.01%'],
    [0, '0.0%'],
  ])('have a probability: %d', (probability, words) => {
    expect(percent(probability)).toBe(words);
  });
});

describe('the gaps of a sentence', () => {
  it.each([
    ['I [MASK] you.', 'I [MASK] you.'],
    ['I <mask> [mask] [Mask].', 'I [MASK] [MASK] [MASK].'],
    ['I ____ you, __!', 'I [MASK] you, [MASK]!'],
    ['I ... you …', 'I [MASK] you [MASK]'],
    ['... is ...?', '[MASK] is [MASK]?'],
    // An ellipsis at a word is punctuation.
    ['Well... no… yes.', 'Well... no… yes.'],
    ['...and then', '...and then'],
    ['four ....', 'four ....'],
    // Names of programs are words.
    ['__init__ a__b', '__init__ a__b'],
    ['one _ two', 'one _ two'],
    ['', ''],
  ])('are found in %j', (text, sent) => {
    const gaps = findGaps(text);
    const spelled = spellGaps(gaps);
    expect(spelled.text).toBe(sent);
    expect(spelled.masks).toEqual(findMasks(sent).masks);
    expect(gaps.masks).toHaveLength(spelled.masks.length);
  });

  it('stand between its words, and nothing is lost', () => {
    const text = "Don't [MASK] 🦊, über 東京 ____!";
    const gaps = findGaps(text);
    const segments = splitWords(gaps);
    expect(segments.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text);
    const of = (wanted: string) =>
      segments.filter(({ kind }) => kind === wanted).map(({ start, end }) => text.slice(start, end));
    expect(of('word').slice(0, 2)).toEqual(["Don't", 'über']);
    expect(of('gap')).toEqual(['[MASK]', '____']);
  });
});

describe('an answer', () => {
  const candidate = { score: 0.5, token: 1, token_str: 'a', sequence: 'a.' };

  it('is taken in the shape of the question only', () => {
    expect(parseCandidates([candidate], 1)).toEqual([[{ ...candidate, pieces: 1 }]]);
    expect(parseCandidates([[candidate], []], 2)?.map(({ length }) => length)).toEqual([1, 0]);
    expect(parseCandidates([candidate], 2)).toBeUndefined();
    expect(parseCandidates([[candidate]], 1)).toBeUndefined();
    expect(parseCandidates([[candidate]], 2)).toBeUndefined();
    expect(parseCandidates([[candidate], [], []], 2)).toBeUndefined();
    expect(parseCandidates([{ ...candidate, score: 1.1 }], 1)).toBeUndefined();
    expect(parseCandidates([], 0)).toEqual([]);
  });

  it('tells the pieces of a word', () => {
    expect(parseCandidates([{ ...candidate, token_ids: [1, 2, 3] }], 1)?.[0]?.[0]?.pieces).toBe(3);
    expect(parseCandidates([{ ...candidate, target: 'Paris' }], 1)?.[0]?.[0]?.target).toBe('Paris');
    expect(parseCandidates([{ ...candidate, target: 1 }], 1)?.[0]?.[0]).not.toHaveProperty('target');
    expect(parseCandidates([{ ...candidate, token_ids: [1, 2] }], 1)?.[0]?.[0]?.pieces).toBe(2);
  });

  it.each([
    { score: Number.NaN },
    { score: -0.1 },
    { score: null },
    { token: 1.5 },
    { token_str: 5 },
    { sequence: undefined },
  ])('is refused with %o', (wrong) => {
    expect(parseCandidates([{ ...candidate, ...wrong }], 1)).toBeUndefined();
  });

  it('fills all masks together, with a word for each', () => {
    const both = { ...candidate, tokens: [1, 2], token_strs: ['a', 'b'], sequence: 'a b' };
    expect(parseCombinations([both], 2)).toEqual([{ score: 0.5, words: ['a', 'b'], sequence: 'a b' }]);
    expect(parseCombinations([both], 3)).toBeUndefined();
    expect(parseCombinations([candidate], 1)).toEqual([{ score: 0.5, words: ['a'], sequence: 'a.' }]);
    expect(parseCombinations({}, 1)).toBeUndefined();
  });

  it('has tokens', () => {
    const token = { token: 2, piece: '[CLS]', token_str: '[CLS]', special: true };
    expect(parseTokens({ tokens: [{ ...token, offsets: {} }] })).toEqual([token]);
    expect(parseTokens({ tokens: [{ ...token, piece: 2 }] })).toBeUndefined();
    expect(parseTokens([token])).toBeUndefined();
  });

  it('has scores of as many texts as were sent', () => {
    const scored = { score: -3, metric: 'original', tokens: [{ token: 1, token_str: 'a', score: -3, offsets: {} }] };
    expect(parseScores([scored, scored], 2)?.[1]).toEqual({ score: -3, tokens: [{ token_str: 'a', score: -3 }] });
    expect(parseScores([scored], 2)).toBeUndefined();
    expect(parseScores([{ ...scored, score: 3 }], 1)).toBeUndefined();
    expect(parseScores([{ ...scored, tokens: [{ token_str: 'a', score: null }] }], 1)).toBeUndefined();
  });

  it('has two known labels', () => {
    const labels = [
      { label: 'in_order', score: 0.9 },
      { label: 'swapped', score: 0.1 },
    ];
    expect(parseLabels(labels)).toEqual(labels);
    expect(parseLabels(labels.slice(1))).toBeUndefined();
    expect(parseLabels([{ label: 'toString', score: 0.9 }, labels[1]])).toBeUndefined();
  });

  it('lists models, with the cards of those that can be read', () => {
    const info = { model: 'a', heads: [], architecture: {}, backend: {} };
    const listed = { model: 'a', revision: '1', path: '/models/a', default: true };
    expect(parseModels([{ ...listed, info }])).toEqual([{ model: 'a', path: '/models/a', default: true, info }]);
    expect(parseModels([{ ...listed, info: {} }])).toEqual([{ model: 'a', path: '/models/a', default: true }]);
    for (const other of [{}, null, [], [{ model: 'a' }], [{ ...listed, path: 'https://elsewhere' }]]) {
      expect(parseModels(other)).toBeUndefined();
    }
  });

  it('has an error that is a sentence, or none', () => {
    expect(parseError({ error: 'No.' })).toBe('No.');
    for (const other of [{ error: '' }, { error: {} }, {}, null, 'No.', undefined])
      expect(parseError(other)).toBeUndefined();
  });
});

describe('the request as code', () => {
  it.each(LANGUAGES)('has a place for the key where one is needed: %s', (language) => {
    const url = 'https://example.com/fill-mask';
    for (const body of [{ inputs: 'a' }, undefined]) {
      expect(snippet(language, url, body)).not.toMatch(/authorization/i);
      expect(snippet(language, url, body, true)).toMatch(/authorization['"]?: ['"]?Bearer YOUR_KEY/);
    }
  });
});

describe('a text as a literal', () => {
  it('is between single quotes in a shell', () => {
    expect(quoteForShell(`it's $HOME`)).toBe(String.raw`'it'\''s $HOME'`);
  });

  it('shows what cannot be seen', () => {
    expect(json('\u202E\u2028🦊\u{E0067}\uD800\n')).toBe(String.raw`"\u202e\u2028🦊\udb40\udc67\ud800\n"`);
    expect(python('\u202E🦊\u{E0067}\uD800\n')).toBe(String.raw`"\u202e🦊\U000e0067\ud800\n"`);
    expect(JSON.parse(json('\u202E\u{E0067}\u0085'))).toBe('\u202E\u{E0067}\u0085');
  });

  it('has line breaks only between the lines of an object', () => {
    expect(json({ a: '\n' }, 2)).toBe('{\n  "a": "\\n"\n}');
  });
});
