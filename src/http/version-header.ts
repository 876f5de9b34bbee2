/** The header of `GET /ready` that names the version of the worker. The test of a deployment reads it. No I/O. */
export const VERSION_HEADER = 'worker-version';
