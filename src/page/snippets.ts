/** The request as code to paste in a terminal or a file. Any text and option is quoted correctly. No I/O. */
import type { FillMaskRequest } from '../schemas/fill-mask.ts';
import { json, python, quoteForShell } from './quote.ts';

export const LANGUAGES = ['curl', 'javascript', 'python'] as const;
export type Language = (typeof LANGUAGES)[number];

/** @param needsKey whether the request needs an API key. The person puts it in, so that none is copied by accident */
export function snippet(language: Language, url: string, body: FillMaskRequest, needsKey = false): string {
  switch (language) {
    case 'curl':
      return `curl ${quoteForShell(url)} \\
  -H 'content-type: application/json' \\${needsKey ? "\n  -H 'authorization: Bearer YOUR_KEY' \\" : ''}
  -d ${quoteForShell(json(body))}`;
    case 'javascript':
      return `const response = await fetch(${json(url)}, {
  method: 'POST',
  headers: { 'content-type': 'application/json'${needsKey ? ", authorization: 'Bearer YOUR_KEY'" : ''} },
  body: JSON.stringify(${indent(json(body, 2), 2)}),
});
if (!response.ok) throw new Error(await response.text());
console.log(JSON.stringify(await response.json(), null, 2));`;
    case 'python':
      // Some firewalls reject the default user agent of urllib.
      return `import json
from urllib.request import Request, urlopen

question = ${python(body)}
request = Request(
    ${python(url)},
    data=json.dumps(question).encode(),
    headers={"content-type": "application/json", "user-agent": "edge-fill-mask-example"${needsKey ? ', "authorization": "Bearer YOUR_KEY"' : ''}},
)
with urlopen(request) as response:
    print(json.dumps(json.load(response), indent=2))`;
  }
}

/** Indents all lines except the first. */
const indent = (text: string, spaces: number): string => text.replaceAll('\n', `\n${' '.repeat(spaces)}`);
