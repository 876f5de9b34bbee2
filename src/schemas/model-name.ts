/** The form of a model's name, in manifests, variables, paths and links. No I/O. */

/** The id of a model. It has no slash, so that it is one segment of a path or of an object's key. */
export const MODEL_ID = /^[a-z0-9][a-z0-9._-]*$/;
export const REVISION = /^[0-9a-f]{16}$/;

/** Whether this names a model: an id, or `<id>@<revision>`. */
export function isModelName(name: string): boolean {
  const [id = '', revision, ...more] = name.split('@');
  return MODEL_ID.test(id) && (revision === undefined || REVISION.test(revision)) && more.length === 0;
}
