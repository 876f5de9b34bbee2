/** The inspector of a worker in miniflare (https://chromedevtools.github.io/devtools-protocol/v8/). */
import type { Miniflare } from 'miniflare';

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: unknown;
}

export interface Inspector {
  /** @throws with what the inspector answers */
  readonly call: <T>(method: string, params?: object) => Promise<T>;
  /** What events have told since the beginning, by their name. */
  readonly events: ReadonlyMap<string, unknown>;
  readonly close: () => void;
}

/** Of the worker `app`. @param mf with an `inspectorPort` */
export async function openInspector(mf: Miniflare): Promise<Inspector> {
  const origin = (await mf.getInspectorURL()).origin.replace(/^ws/, 'http');
  const targets = (await (await fetch(new URL('/json', origin))).json()) as {
    id: string;
    webSocketDebuggerUrl: string;
  }[];
  // Miniflare's own workers, the simulator of R2 among them, are isolates too.
  const target = targets.find(({ id }) => id === 'core:user:app');
  if (!target) throw new Error('the inspector lists no worker');
  const socket = new WebSocket(target.webSocketDebuggerUrl.replace(/^http/, 'ws'));
  const pending = new Map<number, (message: Message) => void>();
  const events = new Map<string, unknown>();
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.method !== undefined && !events.has(message.method)) events.set(message.method, message.params);
    pending.get(message.id ?? 0)?.(message);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error('the inspector does not answer')));
  });
  return {
    call: <T>(method: string, params = {}) =>
      new Promise<T>((resolve, reject) => {
        const id = pending.size + 1;
        pending.set(id, ({ result, error }) => {
          if (error) reject(new Error(`${method}: ${error.message}`));
          else resolve(result as T);
        });
        socket.send(JSON.stringify({ id, method, params }));
      }),
    events,
    close: () => socket.close(),
  };
}
