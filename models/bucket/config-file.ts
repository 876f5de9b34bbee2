/** Sets values in the text of wrangler.toml and leaves the rest of it, comments too, as it is. No I/O. */

/**
 * @param toml the text of wrangler.toml
 * @param more models besides; without any, MORE_MODELS stays as it is
 * @returns the text with this MODEL, and MORE_MODELS, in the variables of every environment
 * @throws when there is none
 */
export function withModels(toml: string, model: string, more: readonly string[] = []): string {
  if (!/^MODEL = "[^"\n]*"/m.test(toml)) throw new Error('wrangler.toml has no line MODEL = "…" to set');
  const kept = more.length > 0 ? toml.replaceAll(/^MORE_MODELS = "[^"\n]*".*\n/gm, '') : toml;
  const lines = [`MODEL = "${model}"`, ...(more.length > 0 ? [`MORE_MODELS = "${more.join(', ')}"`] : [])];
  return kept.replaceAll(/^MODEL = "[^"\n]*"/gm, lines.join('\n'));
}
