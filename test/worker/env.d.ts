declare namespace Cloudflare {
  interface Env {
    /** Serves the files of the build; only in tests. */
    BUILT: Fetcher;
  }
}

/** The backend under test: the tests in `backends/` run with both, all others with the engine only. */
declare module '#kind' {
  export const kind: import('../../src/inference/backend.ts').BackendKind;
}
