/** The messages of the commands. */
import { afterEach, describe, expect, it, vi } from 'vitest';

import { progressBar } from '../../../models/commands/progress.ts';
import { print, printable } from '../../../models/commands/terminal.ts';

afterEach(() => vi.restoreAllMocks());

describe('what is printed', () => {
  it('has nothing in it that a terminal obeys', () => {
    expect(printable('\u001b[2Jtitle\u0007\r\u009b0m\u202eabc\u0000')).toBe(
      String.raw`\u001b[2Jtitle\u0007\u000d\u009b0m\u202eabc\u0000`,
    );
    expect(printable('Zürich\t東京 🙂\n')).toBe('Zürich\t東京 🙂\n');
  });

  it('is a line', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    print('a\u001bb');
    expect(write.mock.calls).toEqual([[String.raw`a\u001bb` + '\n']]);
  });

  it('prints its state every five seconds without a terminal', () => {
    const write = vi.fn<(text: string) => boolean>(() => true);
    vi.spyOn(process, 'stderr', 'get').mockReturnValue({ isTTY: false, write } as unknown as typeof process.stderr);
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const progress = progressBar('measured');
    for (let second = 1; second <= 12; second++) {
      clock.mockReturnValue(1000 * second);
      progress(second / 12);
      progress(second / 12);
    }
    expect(write.mock.calls.flat()).toEqual(['measured: 41 %\n', 'measured: 83 %\n', 'measured: 100 %\n']);
  });
});
