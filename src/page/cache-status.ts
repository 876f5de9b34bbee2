/** Describes `Cache-Status` (RFC 9211) and `Server-Timing` in words: which cache answered, and where the time went. No I/O. */

export type Fact = readonly [name: string, value: string];

export function describeWork(headers: Headers, took_ms: number): Fact[] {
  const timings = parseTimings(headers.get('server-timing') ?? '');
  const facts: Fact[] = [['Answer', describeCacheStatus(headers.get('cache-status'))]];
  // Cloudflare's ray id ends with the airport code of the data centre.
  const place = /-([A-Z]{3})$/.exec(headers.get('cf-ray') ?? '')?.[1];
  if (place !== undefined) facts.push(['Data centre', place]);
  facts.push(['Round trip', milliseconds(took_ms)]);
  const load = timings.get('load')?.dur;
  // An isolate that has the model loaded reports nearly 0 here.
  if (load !== undefined && load >= 1) facts.push(['Reading the model', milliseconds(load)]);
  const infer = timings.get('infer');
  if (infer?.dur !== undefined) facts.push(['Computing', milliseconds(infer.dur)]);
  const counts = /^tokens=(\d+) masks=(\d+)$/.exec(infer?.desc ?? '');
  if (counts && counts[1] !== '0') facts.push(['Computed', `${counts[1]} tokens`]);
  return facts;
}

const PLACES: Readonly<Record<string, string>> = {
  isolate: "cached in the worker's memory",
  edge: 'cached at the edge',
};

/** Members are in the order in which the caches were asked, so the last hit answered. */
export function describeCacheStatus(header: string | null): string {
  if (header === null) return 'the server does not say';
  const members = splitOutsideQuotes(header, ',').map((member) => {
    const [place = '', ...parameters] = splitOutsideQuotes(member, ';');
    return { place: unquote(place), parameters };
  });
  const hit = members.findLast(({ parameters }) => parameters.includes('hit'));
  if (hit) return PLACES[hit.place] ?? `cached by a proxy (${hit.place})`;
  const forwarded = members.flatMap(({ parameters }) => parameters).find((name) => name.startsWith('fwd='));
  if (forwarded === 'fwd=bypass') return 'computed by the model: this deployment has no cache';
  if (forwarded === 'fwd=request') return 'computed by the model: the browser asked for no cached answer';
  return 'computed by the model';
}

interface Timing {
  readonly dur?: number;
  readonly desc?: string;
}

/** By name. Invalid parts are left out. */
export function parseTimings(header: string): Map<string, Timing> {
  return new Map(
    splitOutsideQuotes(header, ',').map((metric) => {
      const [name = '', ...parameters] = splitOutsideQuotes(metric, ';');
      const values = new Map(parameters.map((parameter) => splitAtFirst(parameter, '=')));
      const dur = Number.parseFloat(unquote(values.get('dur') ?? ''));
      const desc = values.get('desc');
      return [name, { ...(Number.isFinite(dur) && { dur }), ...(desc !== undefined && { desc: unquote(desc) }) }];
    }),
  );
}

/** Trimmed parts, none of them empty. */
function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] {
  const parts = text.match(separator === ',' ? /(?:"(?:\\.|[^"\\])*"|[^,"])+/g : /(?:"(?:\\.|[^"\\])*"|[^;"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function splitAtFirst(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

const unquote = (text: string): string => text.replace(/^"(.*)"$/, '$1').replace(/\\(.)/g, '$1');

function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

/** @example describeSeconds(90) // '2 minutes' */
export function describeSeconds(seconds: number): string {
  const [size, unit] =
    [[86_400, 'day'] as const, [3600, 'hour'] as const, [60, 'minute'] as const].find(
      ([length]) => seconds >= length * 1.5,
    ) ?? ([1, 'second'] as const);
  const count = Math.ceil(seconds / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
