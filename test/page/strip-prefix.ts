/** A reverse proxy that mounts a worker below a path and takes the path off, as nginx does with `location /path/`. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Proxy {
  /** Without a slash at the end. */
  readonly url: string;
  readonly close: () => void;
}

/** @param prefix such as `/masks` */
export async function stripPrefix(target: string, prefix: string): Promise<Proxy> {
  const { host, hostname, port } = new URL(target);
  const server = createServer((asked, answer) => {
    const path = asked.url ?? '';
    if (!path.startsWith(`${prefix}/`)) return answer.writeHead(404).end('outside the prefix');
    const headers = { ...asked.headers, host };
    const sent = request({ hostname, port, method: asked.method, path: path.slice(prefix.length), headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    });
    sent.on('error', (error) => answer.writeHead(502).end(String(error)));
    return asked.pipe(sent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
