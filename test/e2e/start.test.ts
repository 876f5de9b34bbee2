/** `npm start` as a child process. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { postJson } from '../post-json.ts';

const root = join(import.meta.dirname, '../..');

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function start(port: string) {
  const child = spawn(process.execPath, [join(root, 'models/commands/start.ts')], {
    cwd: root,
    env: { ...process.env, PORT: port },
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const printed = (line: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = (data: Buffer) => {
        output += data.toString();
        const found = line.exec(output);
        if (found) resolve(found[0]);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      void ended.then((code) => reject(new Error(`ended with ${code} before it printed ${line}:\n${output}`)));
    });
  return { child, printed, ended };
}

describe('npm start', () => {
  it('serves the default model at PORT and prints a curl line that works', async () => {
    const port = await freePort();
    const { child, printed, ended } = start(String(port));
    try {
      const curl = await printed(/curl .*/);
      expect(curl).toContain(`http://localhost:${port}/fill-mask`);
      const [, body = ''] = /-d '([^']+)'/.exec(curl) ?? [];
      const response = await postJson(`http://localhost:${port}/fill-mask`, body);
      expect(response.status).toBe(200);
      expect(await response.json()).toHaveLength(2);
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  });

  it.each(['http', '0', '70000'])('refuses PORT=%s with an example', async (port) => {
    const { printed, ended } = start(port);
    expect(await printed(/PORT is .*/)).toContain('PORT=3000 npm start');
    expect(await ended).toBe(2);
  });
});
