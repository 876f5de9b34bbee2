/** What happens in an isolate besides requests, for the log of its owner. No I/O of its own. */

export type IsolateEvent =
  | { readonly event: 'model_loaded'; readonly model: string; readonly load_ms: number }
  | { readonly event: 'model_evicted'; readonly model: string; readonly for: string }
  /** Its holder made no progress, and another request takes over. */
  | { readonly event: 'lease_lost'; readonly of: 'load' | 'run' | 'answer' }
  | { readonly event: 'read_retried'; readonly key: string; readonly problem: string };

let write: (event: IsolateEvent) => void = () => undefined;

/** Sets what events of the isolate are given to. */
export function onEvent(sink: (event: IsolateEvent) => void): void {
  write = sink;
}

export function emitEvent(event: IsolateEvent): void {
  write(event);
}
