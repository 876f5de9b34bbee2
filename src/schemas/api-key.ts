/** The form of an API key. No I/O. */

/** What a bearer token may consist of (RFC 6750, section 2.1). */
export const API_KEY = /^[\w.~+/-]+=*$/;
