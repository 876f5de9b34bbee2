import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

import { scripts } from '../../package.json' with { type: 'json' };

it.skipIf(process.platform === 'win32').each([0, 1])('npm run bench, with an install that exits %i', async (code) => {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-bench-'));
  const log = join(folder, 'log');
  try {
    for (const [name, status] of [
      ['npm', code],
      ['node', 0],
    ] as const) {
      await writeFile(join(folder, name), `#!/bin/sh\necho ${name} >> ${log}\nexit ${status}\n`);
      await chmod(join(folder, name), 0o755);
    }
    const exit = await promisify(execFile)('/bin/sh', ['-c', scripts.bench], { env: { PATH: folder } }).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    expect(exit).toBe(code);
    expect(await readFile(log, 'utf8')).toBe(code === 0 ? 'npm\nnode\n' : 'npm\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});
