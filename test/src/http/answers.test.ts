/** What goes around an answer: tags, times, counters, defaults. Pure functions. */
import { describe, expect, it } from 'vitest';

import { clip } from '../../../src/http/clip.ts';
import { entityTag, etagMatches } from '../../../src/http/entity-tag.ts';
import { createMetrics } from '../../../src/http/metrics.ts';
import { dataPoint, type Observation } from '../../../src/http/observation.ts';
import { serverTiming } from '../../../src/http/server-timing.ts';
import { toFillMaskQuestion, toScoreQuestion, toSentenceQuestion } from '../../../src/http/to-question.ts';
import { DEFAULT_NUM_BEAMS, DEFAULT_TOP_K, MAX_ANSWER_BYTES } from '../../../src/limits.ts';

describe('an entity tag', () => {
  it('is 128 bits of the SHA-256 of the answer', async () => {
    expect(await entityTag('abc')).toBe('"ba7816bf8f01cfea414140de5dae2223"');
  });

  it.each([
    [undefined, false],
    ['', false],
    ['*', true],
    [' * ', true],
    ['"a"', true],
    ['W/"a"', true],
    ['"b", W/"a" ,"c"', true],
    ['"b", "ab"', false],
    ['a', false],
    ['"b", *', false],
  ])('is asked for by %j: %j', (header, expected) => {
    expect(etagMatches(header, '"a"')).toBe(expected);
  });
});

describe('what a caller sent', () => {
  it('is repeated up to 40 characters, and never with half of a pair', () => {
    expect(clip('a'.repeat(40))).toBe('a'.repeat(40));
    expect(clip('a'.repeat(41))).toBe(`${'a'.repeat(40)}…`);
    expect(clip(`${'a'.repeat(39)}🦊`)).toBe(`${'a'.repeat(39)}\ufffd…`);
  });
});

describe('Server-Timing', () => {
  it('has tenths of milliseconds, and the time of the runs only where the clock moved', () => {
    const work = { texts: 2, tokens: 11, masks: 3, load_ms: 1.26, infer_ms: 0 };
    expect(serverTiming(work)).toBe('load;dur=1.3, tokenize;desc="texts=2", infer;desc="tokens=11 masks=3"');
    expect(serverTiming({ ...work, infer_ms: 0.04 })).toMatch(/masks=3";dur=0$/);
  });
});

const OBSERVED: Observation = {
  request_id: '1',
  method: 'POST',
  route: '/fill-mask',
  status: 200,
  cache: 'computed',
  tokens: 7,
  multiply_adds: 1e9,
  model: 'base@1',
  duration_ms: 50,
  queue_ms: 0,
};

describe('the metrics', () => {
  it('add up requests by their labels, and durations by their bounds', () => {
    const metrics = createMetrics();
    metrics.count(OBSERVED);
    metrics.count({ ...OBSERVED, duration_ms: 51 });
    const { cache: _, ...refused } = OBSERVED;
    metrics.count({ ...refused, status: 422, tokens: 0, multiply_adds: 0, duration_ms: 20_000 });
    const lines = metrics.text().split('\n');
    for (const line of [
      'requests_total{model="base@1",method="POST",route="/fill-mask",status="200"} 2',
      'requests_total{model="base@1",method="POST",route="/fill-mask",status="422"} 1',
      'answers_total{model="base@1",tier="computed"} 2',
      'tokens_total{model="base@1"} 14',
      'multiply_adds_total{model="base@1"} 2000000000',
      'request_duration_seconds_bucket{le="0.025"} 0',
      'request_duration_seconds_bucket{le="0.05"} 1',
      'request_duration_seconds_bucket{le="0.1"} 2',
      'request_duration_seconds_bucket{le="10"} 2',
      'request_duration_seconds_bucket{le="+Inf"} 3',
      'request_duration_seconds_sum 20.101',
      'request_duration_seconds_count 3',
    ]) {
      expect(lines).toContain(`edge_fill_mask_${line}`);
    }
    expect(lines.filter((line) => line.includes('answers_total{'))).toHaveLength(1);
  });

  it('are data points without a text, whose caller is the index', () => {
    const { indexes, blobs, doubles } = dataPoint({ ...OBSERVED, caller: 'key:0123' });
    expect(indexes).toEqual(['key:0123']);
    expect(blobs.slice(0, 5)).toEqual(['/fill-mask', '200', '', 'computed', 'base@1']);
    expect(doubles.slice(0, 3)).toEqual([50, 7, 1e9]);
    expect(dataPoint(OBSERVED).indexes).toEqual(['no key']);
  });
});

describe('a question', () => {
  const inputs = 'a [MASK]';
  const ask = (parameters?: Parameters<typeof toFillMaskQuestion>[0]['parameters']) =>
    toFillMaskQuestion({ inputs, parameters });

  it('has every default filled in', () => {
    const plain = {
      texts: [inputs],
      isList: false,
      top_k: DEFAULT_TOP_K,
      strategy: 'independent',
      return_offsets: false,
      truncation: false,
      max_answer_bytes: MAX_ANSWER_BYTES,
    };
    expect(ask()).toEqual(plain);
    expect(ask(null)).toEqual(plain);
    expect(ask({ top_k: null, targets: null, truncation: null, return_offsets: null })).toEqual(plain);
    expect(toFillMaskQuestion({ inputs: [inputs] }, 5)).toEqual({ ...plain, isList: true, max_answer_bytes: 5 });
  });

  it('has as many candidates as targets, unless it says how many', () => {
    expect(ask({ targets: 'b' })).toMatchObject({ targets: ['b'], top_k: 1 });
    expect(ask({ targets: ['b', 'c'] })).toMatchObject({ targets: ['b', 'c'], top_k: 2 });
    expect(ask({ targets: ['b', 'c'], top_k: 1 }).top_k).toBe(1);
  });

  it('has beams where it searches jointly, and no fewer than candidates', () => {
    expect(ask({ strategy: 'joint' }).num_beams).toBe(DEFAULT_NUM_BEAMS);
    expect(ask({ strategy: 'joint', top_k: DEFAULT_NUM_BEAMS + 1 }).num_beams).toBe(DEFAULT_NUM_BEAMS + 1);
    expect(ask({ strategy: 'joint', num_beams: 2 }).num_beams).toBe(2);
    expect(ask({ num_beams: 2 }).num_beams).toBe(2);
    expect(ask({ return_offsets: true, truncation: true })).toMatchObject({ return_offsets: true, truncation: true });
  });

  it('of another route is a list where a list was sent', () => {
    const pair = { text: 'a', text_pair: 'b' };
    expect(toSentenceQuestion('nsp', { inputs: pair })).toEqual({ head: 'nsp', pairs: [pair], isList: false });
    expect(toSentenceQuestion('sop', { inputs: [pair] })).toEqual({ head: 'sop', pairs: [pair], isList: true });
    expect(toScoreQuestion({ inputs: ['a'] })).toEqual({ texts: ['a'], isList: true, metric: 'within_word_l2r' });
    expect(toScoreQuestion({ inputs: 'a', parameters: { metric: 'original' } }).metric).toBe('original');
  });
});
