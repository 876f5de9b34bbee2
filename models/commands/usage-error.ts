/** An error in the command line, answered with the usage and status 2. */
export class UsageError extends Error {}
