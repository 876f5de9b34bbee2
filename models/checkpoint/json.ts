/** JSON as Python writes it: NaN, Infinity and -Infinity are numbers there. No I/O. */

/**
 * @returns the value, with such a number as its name: a string, which no field of numbers accepts
 * @throws {SyntaxError}
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (found) =>
      found.startsWith('"') ? found : `"${found}"`,
    );
    if (quoted === text) throw error;
    return JSON.parse(quoted);
  }
}
