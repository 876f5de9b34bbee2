/** The request as code to paste in a terminal or a file. Any text and option is quoted correctly. No I/O. */
import { json, python, quoteForShell } from './quote.ts';

export const LANGUAGES = ['curl', 'javascript', 'python'] as const;
export type Language = (typeof LANGUAGES)[number];

/**
 * @param body undefined for a GET
 * @param needsKey whether the request needs an API key. The person puts it in, so that none is copied by accident
 */
export function snippet(language: Language, url: string, body: object | undefined, needsKey = false): string {
  switch (language) {
    case 'curl':
      return [
        `curl ${quoteForShell(url)}`,
        ...(body ? ["-H 'content-type: application/json'"] : []),
        ...(needsKey ? ["-H 'authorization: Bearer YOUR_KEY'"] : []),
        ...(body ? [`-d ${quoteForShell(json(body))}`] : []),
      ].join(' \\\n  ');
    case 'javascript': {
      const headers = [
        ...(body ? ["'content-type': 'application/json'"] : []),
        ...(needsKey ? ["authorization: 'Bearer YOUR_KEY'"] : []),
      ];
      const options = [
        ...(body ? ["method: 'POST'"] : []),
        ...(headers.length > 0 ? [`headers: { ${headers.join(', ')} }`] : []),
        ...(body ? [`body: JSON.stringify(${indent(json(body, 2), 2)})`] : []),
      ].map((option) => `  ${option},\n`);
      return `const response = await fetch(${json(url)}${options.length > 0 ? `, {\n${options.join('')}}` : ''});
if (!response.ok) throw new Error(await response.text());
console.log(JSON.stringify(await response.json(), null, 2));`;
    }
    case 'python': {
      const headers = [
        ...(body ? ['"content-type": "application/json"'] : []),
        // Some firewalls reject the default user agent of urllib.
        '"user-agent": "edge-fill-mask-example"',
        ...(needsKey ? ['"authorization": "Bearer YOUR_KEY"'] : []),
      ];
      return `import json
from urllib.request import Request, urlopen

${body ? `question = ${python(body)}\n` : ''}request = Request(
    ${python(url)},${body ? '\n    data=json.dumps(question).encode(),' : ''}
    headers={${headers.join(', ')}},
)
with urlopen(request) as response:
    print(json.dumps(json.load(response), indent=2))`;
    }
  }
}

/** Indents all lines except the first. */
const indent = (text: string, spaces: number): string => text.replaceAll('\n', `\n${' '.repeat(spaces)}`);
