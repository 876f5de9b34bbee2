/** The form of an API key. No I/O. */

/** What a bearer token may consist of (RFC 6750, section 2.1). */
export const API_KEY = /^[\w.~+/-]+=*$/;

/** Each key with a name is a secret of its own: `API_KEY_<NAME>`, beside the list API_KEYS. */
export const NAMED_KEY_PREFIX = 'API_KEY_';
/** In capitals, so that no name is the digest of a key without one. */
export const KEY_NAME = /^[A-Z][A-Z0-9_]{0,31}$/;
