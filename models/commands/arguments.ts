/** The arguments of a script with options and no commands. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

import { explainDiskError } from '../hub/disk-error.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/**
 * Runs a script, which imports what is slow to load when it runs: wrangler takes more than a second. `--help`, `-h` and `help` print
 * its usage. An error is printed without a stack and ends with status 1, or below the usage with status 2 for what a person typed.
 */
export async function runScript<T extends ParseArgsOptionsConfig>(
  usage: string,
  options: T,
  run: (values: ReturnType<typeof parseArgs<{ options: T }>>['values'], texts: string[]) => Promise<void>,
): Promise<void> {
  try {
    const { positionals, values } = parseStrictly({ ...options, help: { type: 'boolean', short: 'h' } } as const);
    if (('help' in values && values.help) || (positionals.length === 1 && positionals[0] === 'help')) print(usage);
    else await run(values, positionals);
  } catch (error) {
    endByError(error, usage);
  }
}

/** The command line. @throws {UsageError} for an option that is not among these */
export function parseStrictly<const T extends ParseArgsOptionsConfig>(options: T) {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    // The next sentence is on arguments that begin with a dash, which no command has.
    const [sentence = ''] = (error as Error).message.split('. To specify');
    throw new UsageError(sentence, { cause: error });
  }
}

/**
 * Says an error and ends the process, also where something that failed left a server or a timer. The message is last, where a person
 * looks first.
 * @param usage is said only if a person typed something wrong
 */
export function endByError(error: unknown, usage: string): never {
  if (error instanceof UsageError) say(`${usage}\n`);
  const explained = explainDiskError(error);
  say(explained instanceof Error ? explained.message : String(explained));
  const cause = error instanceof Error && error.cause instanceof Stopped ? error.cause : error;
  process.exit(error instanceof UsageError ? 2 : cause instanceof Stopped ? cause.status : 1);
}

/** A person has stopped the command. */
class Stopped extends Error {
  readonly status: number;
  constructor(status: number) {
    super('Stopped. Run the command again to go on.');
    this.status = status;
  }
}

/**
 * For a command that changes an account.
 * @returns is aborted by Ctrl-C: the command then ends before its next step, and what was live stays live. The second time, it ends
 *   at once
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) {
        say('\nStopped at once. What was live is live, unless the command has said that it makes something else live.');
        process.exit(status);
      }
      say('\nStopping, and taking back what was begun. Once more ends it at once.');
      stop.abort(new Stopped(status));
    });
  }
  return stop.signal;
}

/** @throws when a script that takes only options is given something else */
export function noTexts(texts: readonly string[]): void {
  if (texts.length > 0) throw new UsageError(`"${texts.join(' ')}" is no option`);
}
