/** Prints something again and again. Writes to stdout. */
import { setTimeout as pause } from 'node:timers/promises';

import { print, say } from './terminal.ts';

/** Analytics Engine needs about a minute for a new data point. */
const EVERY_MS = 60_000;
const CLEAR = '\u001B[2J\u001B[H';

/**
 * A failure, such as a network that is away for a while, is said, and the next attempt goes on.
 * @param wait until the next time; false ends it
 */
export async function repeat(
  draw: () => Promise<string>,
  wait: () => Promise<boolean> = () => pause(EVERY_MS, true),
): Promise<void> {
  // What is wrong from the beginning ends the command.
  let drawn: string | undefined = await draw();
  for (;;) {
    if (drawn !== undefined) {
      if (process.stdout.isTTY) process.stdout.write(CLEAR);
      print(drawn);
    }
    if (!(await wait())) return;
    drawn = await draw().catch((error: unknown) => {
      say((error as Error).message);
      return undefined;
    });
  }
}
