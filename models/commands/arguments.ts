/** The arguments of a script with options and no commands. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/**
 * Runs a script, which imports what is slow to load when it runs: wrangler takes more than a second. `--help` prints its usage; an error is printed without a stack, and ends with status 1, or 2 and the usage
 * for what a person typed.
 */
export async function runScript<T extends ParseArgsOptionsConfig>(
  usage: string,
  options: T,
  run: (values: ReturnType<typeof parseArgs<{ options: T }>>['values'], texts: string[]) => Promise<void>,
): Promise<void> {
  try {
    let parsed;
    try {
      parsed = parseArgs({ allowPositionals: true, options: { ...options, help: { type: 'boolean', short: 'h' } } });
    } catch (error) {
      throw new UsageError((error as Error).message, { cause: error });
    }
    if ('help' in parsed.values && parsed.values.help) print(usage);
    else await run(parsed.values, parsed.positionals);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    if (error instanceof UsageError) say(`\n${usage}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

/** @throws when a script that takes only options is given something else */
export function noTexts(texts: readonly string[]): void {
  if (texts.length > 0) throw new UsageError(`"${texts.join(' ')}" is no option`);
}
