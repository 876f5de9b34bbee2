/** What the routes are given: the bindings of wrangler.toml, and what is known of a request. Types only. */
import type { CacheCounts } from '../pipelines/context.ts';
import type { Work } from '../predict/work.ts';
import type { Payer } from './budget.ts';
import type { Variable } from './settings.ts';
import type { Ending } from './stream-json.ts';

/** The end of an answer that is streamed. */
export interface Streamed {
  /** Undefined until then. */
  ending?: Ending;
  /** Called at the end, with the same. */
  onEnd?: (ending: Ending) => void;
}

export interface Worker {
  /** Variables are read by `settingsOf` only. */
  Bindings: Omit<Env, Variable | 'VERSION'> & {
    readonly [Name in Variable]?: unknown;
  } & {
    /** Set by the platform. */
    readonly VERSION?: WorkerVersionMetadata;
    readonly ANALYTICS?: AnalyticsEngineDataset;
    /** A key: beside the list API_KEYS, each is a secret of its own. */
    readonly [named: `API_KEY_${string}`]: unknown;
  };
  Variables: {
    /** `key:<digest>` of a caller with a valid key. */
    caller?: string;
    /** `key:<NAME>` for the log, or the digest where the key has no name. */
    caller_name?: string;
    /** Whether the rate limit has counted the request. */
    isCounted?: boolean;
    /** Where limits apply: who pays for what the request takes. */
    payer?: Payer;
    requestId: string;
    /** `<id>@<revision>`, where the request names a model. */
    model?: string;
    /** For the log, as far as the request came. */
    error_type?: string;
    answered?: { readonly work: Work; readonly cached: CacheCounts };
    multiply_adds?: number;
    /** An answer that goes on after the handler. */
    stream?: Streamed;
    queue_ms?: number;
  };
}
