/** The options of a script for developers. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** `--help` prints the usage and ends the process. So does a wrong argument, with status 2. */
export function readOptions<T extends ParseArgsOptionsConfig>(
  usage: string,
  options: T,
  allowPositionals = false,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: boolean }>> {
  try {
    const parsed = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } }, allowPositionals });
    if (!('help' in parsed.values && parsed.values.help)) return parsed;
  } catch (error) {
    refuse((error as Error).message, usage);
  }
  console.log(usage);
  process.exit(0);
}

export function refuse(problem: string, usage: string): never {
  console.error(`${problem}\n\n${usage}`);
  process.exit(2);
}
