/** What is seen of a request, and its columns in Workers Analytics Engine. No I/O. */
/** One request. */
export interface Observation {
  readonly request_id: string;
  readonly method: string;
  /** As the route is registered, so that no query and no unknown path is shown. */
  readonly route: string;
  readonly status: number;
  readonly error_type?: string;
  /** The slowest tier that was needed. */
  readonly cache?: 'isolate' | 'edge' | 'computed';
  /** Tokens that the model read for this request. */
  readonly tokens: number;
  /** Of the runs that this request asked for. */
  readonly multiply_adds: number;
  readonly model: string;
  /** Of the worker, as the platform names it. */
  readonly version?: string;
  /** The data center, by its airport; not known locally. */
  readonly colo?: string;
  /** `key:<NAME>`, or `key:<digest>` for a key without a name, where there are API keys. */
  readonly caller?: string;
  /** In production, clocks stand still while a worker computes: this is the time of reads and waits. */
  readonly duration_ms: number;
  /** How long its runs waited for those of other requests. */
  readonly queue_ms: number;
}

/** The columns of a data point in Workers Analytics Engine, `blob1` and `double1` first. Data of before keeps its order: a new one is last. */
export const BLOBS = ['route', 'status', 'error_type', 'cache', 'model', 'colo', 'method', 'version'] as const;
export const DOUBLES = ['duration_ms', 'tokens', 'multiply_adds', 'queue_ms'] as const;

/** For Workers Analytics Engine. */
export function dataPoint(seen: Observation): { indexes: string[]; blobs: string[]; doubles: number[] } {
  return {
    indexes: [seen.caller ?? 'no key'],
    blobs: BLOBS.map((name) => String(seen[name] ?? '')),
    doubles: DOUBLES.map((name) => seen[name]),
  };
}
