/** What is said of a wrong body, and how a query is read. */
import type * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { parseBody, parseQuery, type RequestForm } from '../../../src/http/parse-request.ts';
import { FILL_MASK, SCORE, SENTENCES, TOKENIZE } from '../../../src/http/to-question.ts';

const FORMS = { fill: FILL_MASK, score: SCORE, pairs: SENTENCES, tokens: TOKENIZE } satisfies Record<
  string,
  RequestForm<v.GenericSchema>
>;
const PAIR = 'must be a pair such as {"text": "…", "text_pair": "…"}';
const TEXTS = 'inputs must be a text or a list of texts.';
const pair = { text: 'a', text_pair: 'b' };

describe('a wrong body is told what it must be', () => {
  it.each<[keyof typeof FORMS, unknown, string]>([
    ['fill', { inputs: 5 }, TEXTS],
    ['fill', { inputs: null }, TEXTS],
    ['fill', { inputs: true }, TEXTS],
    ['fill', { inputs: {} }, TEXTS],
    ['fill', { inputs: { text: 'a' } }, TEXTS],
    ['fill', { inputs: [['a']] }, 'inputs[0] must be a text.'],
    ['fill', { inputs: [[]] }, 'inputs[0] must be a text.'],
    ['fill', { inputs: ['a', ['b']] }, 'inputs[1] must be a text.'],
    ['fill', { inputs: [[['a']]] }, 'inputs[0] must be a text.'],
    ['fill', { inputs: [{ text: 'a' }] }, 'inputs[0] must be a text.'],
    ['fill', { inputs: ['a', null] }, 'inputs[1] must be a text.'],
    ['score', { inputs: [['a']] }, 'inputs[0] must be a text.'],
    ['tokens', { inputs: [['a']] }, 'inputs[0] must be a text.'],
    ['fill', { inputs: 'a', parameters: { targets: 5 } }, 'parameters.targets must be a word or a list of words.'],
    ['fill', { inputs: 'a', parameters: { targets: {} } }, 'parameters.targets must be a word or a list of words.'],
    ['fill', { inputs: 'a', parameters: { targets: [['b']] } }, 'parameters.targets[0] must be a word.'],
    ['fill', { inputs: 'a', parameters: { targets: ['b', 5] } }, 'parameters.targets[1] must be a word.'],
    ['fill', { inputs: 'a', parameters: { targets: [null] } }, 'parameters.targets[0] must be a word.'],
    ['fill', { inputs: 'a', parameters: { targets: [{}] } }, 'parameters.targets[0] must be a word.'],
    ['fill', { inputs: 'a', parameters: { top_k: [5] } }, 'parameters.top_k must be a whole number from 1 to 1000.'],
    ['fill', { inputs: 'a', parameters: [] }, 'parameters must be an object, not a list.'],
    ['fill', { inputs: 'a', parameters: 'b' }, 'parameters must be an object such as {"top_k": 5}.'],
    ['fill', { inputs: 'a', model: ['b'] }, 'model must be the id of a model.'],
    [
      'fill',
      [{ inputs: 'a' }],
      'The body must be a JSON object, not a list. Send {"inputs": "Paris is the [MASK] of France."}.',
    ],
    ['fill', null, 'The body must be a JSON object. Send {"inputs": "Paris is the [MASK] of France."}.'],
    ['score', null, 'The body must be a JSON object. Send {"inputs": "The dog barks."}.'],
    ['fill', { inputs: 'a', top_k: 5 }, 'top_k belongs in parameters. Send {"inputs": …, "parameters": {"top_k": …}}.'],
    ['fill', 'a', 'The body must be a JSON object. Send {"inputs": "Paris is the [MASK] of France."}.'],
    ['pairs', { inputs: 'a' }, `inputs ${PAIR}, or a list of them.`],
    ['pairs', { inputs: 5 }, `inputs ${PAIR}, or a list of them.`],
    ['pairs', { inputs: null }, `inputs ${PAIR}, or a list of them.`],
    ['pairs', { inputs: ['a', 'b'] }, `inputs[0] ${PAIR}.`],
    ['pairs', { inputs: [pair, 5] }, `inputs[1] ${PAIR}.`],
    ['pairs', { inputs: [null] }, `inputs[0] ${PAIR}.`],
    ['pairs', { inputs: [['a', 'b']] }, 'inputs[0] must be an object, not a list.'],
    ['pairs', { inputs: [pair, [pair]] }, 'inputs[1] must be an object, not a list.'],
    ['pairs', { inputs: { text: ['a'], text_pair: 'b' } }, 'inputs.text must be a text.'],
    ['pairs', { inputs: [{ text: 'a', text_pair: ['b'] }] }, 'inputs[0].text_pair must be a text.'],
    ['pairs', { inputs: { text: pair, text_pair: 'b' } }, 'inputs.text must be a text.'],
  ])('%s: %j', (form, body, message) => {
    expect(parseBody<v.GenericSchema>(FORMS[form], JSON.stringify(body))).toEqual({
      ok: false,
      error: { reason: 'invalid_request', message },
    });
  });
});

describe('a query', () => {
  it.each<[string, unknown]>([
    ['inputs=a', { inputs: 'a', parameters: {} }],
    ['inputs=a&inputs=b', { inputs: ['a', 'b'], parameters: {} }],
    ['inputs[]=a', { inputs: ['a'], parameters: {} }],
    ['inputs%5B%5D=a&inputs%5B%5D=b', { inputs: ['a', 'b'], parameters: {} }],
    ['inputs[0]=a', { inputs: ['a'], parameters: {} }],
    ['inputs[1]=b&inputs[0]=a', { inputs: ['a', 'b'], parameters: {} }],
    ['inputs=a&targets=b', { inputs: 'a', parameters: { targets: 'b' } }],
    ['inputs=a&targets[]=b', { inputs: 'a', parameters: { targets: ['b'] } }],
    ['inputs=a&targets[0]=b&targets[1]=c', { inputs: 'a', parameters: { targets: ['b', 'c'] } }],
    ['inputs=a&targets=b&targets=c', { inputs: 'a', parameters: { targets: ['b', 'c'] } }],
    ['inputs=True&truncation=True', { inputs: 'True', parameters: { truncation: true } }],
    ['inputs=1&return_offsets=False', { inputs: '1', parameters: { return_offsets: false } }],
    ['inputs=a&truncation=true&top_k=3', { inputs: 'a', parameters: { truncation: true, top_k: 3 } }],
    ['inputs=caf%C3%A9+100%', { inputs: 'café 100%', parameters: {} }],
  ])('is read: %s', (query, value) => {
    expect(parseQuery(query)).toEqual({ ok: true, value });
  });

  it.each([
    ['', 'inputs is missing. Send ?inputs=Paris is the [MASK] of France.'],
    ['inputs=', 'inputs is empty: give a text with a [MASK] in it.'],
    ['inputs[]=a&inputs[]=', 'inputs[1] is empty: give a text with a [MASK] in it.'],
    ['inputs=a&inputs[]=b', 'inputs and inputs[] write one list in different ways: use one of them.'],
    ['inputs[1]=a&inputs=b', 'inputs and inputs[1] write one list in different ways: use one of them.'],
    [
      'inputs=a&targets[]=b&targets[0]=c',
      'targets[] and targets[0] write one list in different ways: use one of them.',
    ],
    ['inputs[0]=a&inputs[2]=b', 'inputs[1] is missing: number the list from 0 without a gap.'],
    ['inputs[1]=a', 'inputs[0] is missing: number the list from 0 without a gap.'],
    ['inputs[99999999999999999999]=a', 'inputs[0] is missing: number the list from 0 without a gap.'],
    ['inputs[0]=a&inputs[0]=b', 'inputs[0] is given twice: give it once.'],
    ['inputs=a&top_k=1&top_k=2', 'top_k is given 2 times: give it once.'],
    ['inputs=a&truncation=TRUE', 'truncation must be true or false.'],
    ['inputs=a&strategy=True', 'strategy must be "independent" or "joint".'],
    ['inputs=a&targets=', 'targets is empty: give a word.'],
    ['inputs=caf%E9', 'The query is not UTF-8. Percent-encode the bytes of its texts in UTF-8.'],
    ['inputs=a%ED%A0%80', 'The query is not UTF-8. Percent-encode the bytes of its texts in UTF-8.'],
  ])('is refused: %s', (query, message) => {
    expect(parseQuery(query)).toEqual({ ok: false, error: { reason: 'invalid_request', message } });
  });

  it.each(['inputs[00]', 'inputs[a]', 'inputs[0][0]', 'top_k[]', 'input'])('has no parameter %s', (name) => {
    const found = parseQuery(`inputs=a&${name}=1`);
    expect(found.ok ? '' : found.error.message).toMatch(`${name} is not a known parameter. Known are inputs, top_k,`);
  });
});
