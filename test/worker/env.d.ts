declare namespace Cloudflare {
  interface Env {
    /** Serves the files of the build; only in tests. */
    BUILT: Fetcher;
  }
}

/** The backend under test: every test here runs once with each. */
declare module '#kind' {
  export const kind: import('../../src/inference/backend.ts').BackendKind;
}
