/** Sets values in the text of wrangler.toml and leaves the rest of it, comments too, as it is. No I/O. */

/**
 * @param toml the text of wrangler.toml
 * @returns the text with this MODEL in the variables of every environment
 * @throws when there is none
 */
export function withModel(toml: string, model: string): string {
  const found = /^MODEL = "[^"\n]*"/gm;
  if (!found.test(toml)) throw new Error('wrangler.toml has no line MODEL = "…" to set');
  return toml.replace(found, `MODEL = "${model}"`);
}
