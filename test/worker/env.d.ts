declare namespace Cloudflare {
  interface Env {
    /** Serves the files of the build; only in tests. */
    BUILT: Fetcher;
  }
}
