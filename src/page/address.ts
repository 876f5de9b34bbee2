/**
 * The page may be below a path that the deployment does not know, where a proxy takes it off.
 * @param path of a route, which begins with a slash; an empty text for the address of the deployment, without a slash at its end
 */
export const addressOf = (path: string): string => new URL('.', location.href).href.slice(0, -1) + path;
