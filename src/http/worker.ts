/** What the routes are given: the bindings of wrangler.toml, and what is known of a request. Types only. */
import type { CacheCounts } from '../pipelines/context.ts';
import type { Work } from '../predict/work.ts';

export interface Worker {
  Bindings: Omit<Env, 'CACHE_SCOPE' | 'CACHE_STATUS' | 'RATE_LIMITS' | 'REQUEST_LOG' | 'VERSION'> & {
    /** Further models beside MODEL: `<id>@<revision>`s, separated by commas. */
    readonly MORE_MODELS?: string;
    /** "caller", the default, or "shared": whose cache entries answer. */
    readonly CACHE_SCOPE?: string;
    /** "all", "keys", the default, or "none": who sees from which cache an answer came. */
    readonly CACHE_STATUS?: string;
    /** "on", the default, or "off". */
    readonly RATE_LIMITS?: string;
    /** Billions of multiply-adds that one request may ask for. */
    readonly MAX_REQUEST_GMACS?: string;
    /** Days that answers are cached: 1 unless it is given. */
    readonly CACHE_DAYS?: string;
    /** Another value forgets all that is cached. */
    readonly CACHE_EPOCH?: string;
    /** "on", or "off", the default: a line of the log for each request. */
    readonly REQUEST_LOG?: string;
    /** From 0 to 1, the default: the share of the requests without an error that is logged. */
    readonly LOG_SHARE?: string;
    /** Set by the platform. */
    readonly VERSION?: WorkerVersionMetadata;
    readonly ANALYTICS?: AnalyticsEngineDataset;
    /** API keys, a secret. Without it, everybody may ask. */
    readonly API_KEYS?: string;
  };
  Variables: {
    /** `key:<digest>` of a caller with a valid key. */
    caller?: string;
    requestId: string;
    /** `<id>@<revision>`, where the request names a model. */
    model?: string;
    /** For the log, as far as the request came. */
    error_type?: string;
    answered?: { readonly work: Work; readonly cached: CacheCounts };
    multiply_adds?: number;
  };
}
