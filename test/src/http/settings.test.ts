import { describe, expect, it } from 'vitest';

import { checkSettings, settingsOf } from '../../../src/http/settings.ts';

const ENV = { MODEL: 'base@1', ALLOWED_ORIGINS: '*', CACHE: 'on' };
const ORIGINS = 'Set it to "*" for all origins, or to origins such as "https://a.example", separated by commas.';

describe('the settings of a deployment', () => {
  it('have defaults', () => {
    expect(settingsOf(ENV)).toEqual({
      MODEL: 'base@1',
      MORE_MODELS: [],
      BASE_PATH: '',
      ALLOWED_ORIGINS: '*',
      CACHE: 'on',
      CACHE_STATUS: 'keys',
      CACHE_SCOPE: 'caller',
      LOG_SHARE: 1,
      EXPENSIVE_LIMIT: 60,
      CACHE_DAYS: 1,
      CACHE_OPERATIONS: 45,
      CACHE_EPOCH: undefined,
      CACHE_SECRET: undefined,
      REQUEST_LOG: 'off',
      RATE_LIMITS: 'on',
      MAX_REQUEST_GMACS: 200,
      API_KEYS: undefined,
    });
  });

  it.each([
    ['MORE_MODELS', '', []],
    ['MORE_MODELS', 'base@2, other@1\n', ['base@2', 'other@1']],
    ['MORE_MODELS', 'base@2 other@1', ['base@2', 'other@1']],
    ['ALLOWED_ORIGINS', ' * ', '*'],
    ['ALLOWED_ORIGINS', 'https://a.example,http://localhost:3000', ['https://a.example', 'http://localhost:3000']],
    ['ALLOWED_ORIGINS', 'chrome-extension://abcdef, null', ['chrome-extension://abcdef', 'null']],
    ['CACHE', 'off', 'off'],
    ['LOG_SHARE', '0.1', 0.1],
    ['EXPENSIVE_LIMIT', '120', 120],
    ['EXPENSIVE_LIMIT', 1, 1],
    ['LOG_SHARE', '0', 0],
    ['CACHE_DAYS', '0.5', 0.5],
    ['CACHE_DAYS', '365', 365],
    ['CACHE_DAYS', 2, 2],
    ['CACHE_EPOCH', 3, '3'],
    ['CACHE_SECRET', '0123456789abcdef', '0123456789abcdef'],
    ['MAX_REQUEST_GMACS', 1000, 1000],
    ['API_KEYS', '0123456789abcdef\n', [{ key: '0123456789abcdef' }]],
  ] as const)('read %s = %j', (name, given, value) => {
    expect(settingsOf({ ...ENV, [name]: given })[name]).toEqual(value);
  });

  it.each([
    ['MODEL', undefined, 'is not set. Set it to one <id>@<revision>, as "npm run models -- use <id>" does.'],
    ['MODEL', 'id@', 'is "id@". Set it to one <id>@<revision>, as "npm run models -- use <id>" does.'],
    ['MODEL', 'a@1, b@2', 'is "a@1, b@2". Set it to one <id>@<revision>, as "npm run models -- use <id>" does.'],
    ['MODEL', ['a@1'], 'is ["a@1"]. Set it to one <id>@<revision>, as "npm run models -- use <id>" does.'],
    ['MORE_MODELS', ['a@1', 'b@2'], 'is a list. Set it to one text, "a@1, b@2".'],
    ['MORE_MODELS', 5, 'is 5. Set it to "<id>@<revision>, <id>@<revision>".'],
    ['MORE_MODELS', 'a@1,,b@2', 'is "a@1,,b@2", with nothing before or after a comma. Remove that comma.'],
    ['MORE_MODELS', 'a@1,', 'is "a@1,", with nothing before or after a comma. Remove that comma.'],
    ['MORE_MODELS', 'a@1, b', 'names the model "b". Name it <id>@<revision>.'],
    ['MORE_MODELS', 'a@1, a@2, a@1', 'names "a@1" twice. Name it once.'],
    ['MORE_MODELS', 'base@1', 'names "base@1", which is MODEL. Name only further models.'],
    ['ALLOWED_ORIGINS', undefined, `is not set. ${ORIGINS}`],
    ['ALLOWED_ORIGINS', ' ', `is empty. ${ORIGINS}`],
    ['ALLOWED_ORIGINS', true, `is true. ${ORIGINS}`],
    ['ALLOWED_ORIGINS', ['https://a.example'], 'is a list. Set it to one text, "https://a.example".'],
    [
      'ALLOWED_ORIGINS',
      'https://b.example, https://a.example/',
      'has "https://a.example/". Browsers send it in another form. Write "https://a.example".',
    ],
    [
      'ALLOWED_ORIGINS',
      'https://A.example:443/page',
      'has "https://A.example:443/page". Browsers send it in another form. Write "https://a.example".',
    ],
    ['ALLOWED_ORIGINS', 'a.example', 'has "a.example". An origin begins with its scheme, as "https://a.example" does.'],
    [
      'ALLOWED_ORIGINS',
      'https://*.a.example',
      'has "https://*.a.example". A part of an origin cannot be "*". Name each origin, or write "*" alone for all.',
    ],
    [
      'ALLOWED_ORIGINS',
      '*, https://a.example',
      'has "*". It means all origins, so it stands alone. Remove it, or all others.',
    ],
    ['ALLOWED_ORIGINS', 'https://', 'has "https://". It is no origin. Write one such as "https://a.example".'],
    ['CACHE', undefined, 'is not set. Set it to "on" or "off".'],
    ['CACHE', true, 'is true. Set it to "on" or "off".'],
    ['CACHE_STATUS', 'on', 'is "on". Set it to "all", "keys" or "none".'],
    ['CACHE_SCOPE', ['caller'], 'is ["caller"]. Set it to "caller" or "shared".'],
    ['LOG_SHARE', '', 'is "". Set it to a number from 0 to 1.'],
    [
      'EXPENSIVE_LIMIT',
      'many',
      'is "many". Set it to the limit of EXPENSIVE_RATE_LIMITER in wrangler.toml, a whole number.',
    ],
    ['EXPENSIVE_LIMIT', '0', 'is "0". Set it to the limit of EXPENSIVE_RATE_LIMITER in wrangler.toml, a whole number.'],
    ['EXPENSIVE_LIMIT', 1.5, 'is 1.5. Set it to the limit of EXPENSIVE_RATE_LIMITER in wrangler.toml, a whole number.'],
    ['EXPENSIVE_LIMIT', '', 'is "". Set it to the limit of EXPENSIVE_RATE_LIMITER in wrangler.toml, a whole number.'],
    [
      'EXPENSIVE_LIMIT',
      ['60'],
      'is ["60"]. Set it to the limit of EXPENSIVE_RATE_LIMITER in wrangler.toml, a whole number.',
    ],
    ['LOG_SHARE', 'half', 'is "half". Set it to a number from 0 to 1.'],
    ['LOG_SHARE', '-0.1', 'is "-0.1". Set it to a number from 0 to 1.'],
    ['LOG_SHARE', 1.1, 'is 1.1. Set it to a number from 0 to 1.'],
    ['CACHE_DAYS', 'two', 'is "two". Set it to a number of days up to 365.'],
    ['CACHE_DAYS', '0', 'is "0". Set it to a number of days up to 365.'],
    ['CACHE_DAYS', 366, 'is 366. Set it to a number of days up to 365.'],
    ['CACHE_DAYS', true, 'is true. Set it to a number of days up to 365.'],
    ['CACHE_EPOCH', ['1'], 'is ["1"]. Set it to a text.'],
    ['REQUEST_LOG', '', 'is "". Set it to "on" or "off".'],
    ['RATE_LIMITS', 'yes', 'is "yes". Set it to "on" or "off".'],
    ['MAX_REQUEST_GMACS', '-1', 'is "-1". Set it to a positive number.'],
    ['MAX_REQUEST_GMACS', 'Infinity', 'is "Infinity". Set it to a positive number.'],
    ['MAX_REQUEST_GMACS', ['200'], 'is ["200"]. Set it to a positive number.'],
  ])('refuse %s = %j', (name, given, problem) => {
    expect(() => settingsOf({ ...ENV, [name]: given })).toThrow(`The variable ${name} ${problem}`);
  });

  it.each([
    [{ API_KEYS: ['0123456789abcdef'] }, 'The secret API_KEYS is no text.'],
    [{ API_KEYS: '0123456789abcdef, abcd' }, 'Key 2 of the secret API_KEYS has 4 characters. Use at least 16.'],
    [{ API_KEYS: '' }, 'The secret API_KEYS holds no key. Set one, or delete the secret.'],
    [{ API_KEY_BOB: 'abcd' }, 'The secret API_KEY_BOB has 4 characters. Use at least 16.'],
  ])('name a wrong key of %j for the log alone', (keys, problem) => {
    const { error } = checkSettings({ ...ENV, ...keys });
    expect(error?.message).toBe(
      'The secret API_KEYS or a key with a name of its own is misconfigured. The log says what is wrong.',
    );
    expect(error?.cause).toEqual(new Error(problem));
  });

  it.each([
    ['0123456789abcde', 'has 15 characters'],
    ['', 'has 0 characters'],
    [5, 'is no text'],
  ])('name a CACHE_SECRET of %j for the log alone', (given, problem) => {
    const { error } = checkSettings({ ...ENV, CACHE_SECRET: given });
    expect(error?.message).toBe('The secret CACHE_SECRET is misconfigured. The log says what is wrong.');
    expect(error?.cause).toEqual(new Error(`The secret CACHE_SECRET ${problem}. Use at least 16 characters.`));
  });

  it('read each secret API_KEY_<NAME> beside the list', () => {
    const keys = { API_KEYS: '', API_KEY_BOB: '0123456789abcdef' };
    expect(settingsOf({ ...ENV, ...keys }).API_KEYS).toEqual([{ key: '0123456789abcdef', name: 'BOB' }]);
  });

  it('name all that are wrong', () => {
    expect(() => settingsOf({ ...ENV, REQUEST_LOG: 'yes', CACHE: 'no' })).toThrow(
      /^The variable CACHE is "no"\..* The variable REQUEST_LOG is "yes"\./,
    );
  });
});
