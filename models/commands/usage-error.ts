/** What a person typed that no command understands: answered with the usage and status 2. */
export class UsageError extends Error {}
