/** Variables of wrangler.toml with a few allowed values. No I/O. */
import { ConfigurationError } from '../model/deployed-model.ts';

/** @throws {ConfigurationError} naming the variable and its allowed values */
export function oneOf<const Value extends string>(name: string, given: string, allowed: readonly Value[]): Value {
  const found = allowed.find((value) => value === given);
  if (found !== undefined) return found;
  const list = `${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}`;
  throw new ConfigurationError(`The variable ${name} is "${given}". Set it to ${list}.`);
}
