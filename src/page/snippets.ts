/** The request as programs: to be pasted into a terminal or a file, and right for any text and option. No I/O. */
import type { Body } from './question.ts';
import { json, python, quoteForShell } from './quote.ts';

export const LANGUAGES = ['curl', 'javascript', 'python'] as const;
export type Language = (typeof LANGUAGES)[number];

/** @param url of the endpoint */
export function snippet(language: Language, url: string, body: Body): string {
  switch (language) {
    case 'curl':
      return `curl ${quoteForShell(url)} \\
  -H 'content-type: application/json' \\
  -d ${quoteForShell(json(body))}`;
    case 'javascript':
      return `const response = await fetch(${json(url)}, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(${indent(json(body, 2), 2)}),
});
if (!response.ok) throw new Error(await response.text());
console.log(JSON.stringify(await response.json(), null, 2));`;
    case 'python':
      // The name of urllib itself is turned away by some firewalls.
      return `import json
from urllib.request import Request, urlopen

question = ${python(body)}
request = Request(
    ${python(url)},
    data=json.dumps(question).encode(),
    headers={"content-type": "application/json", "user-agent": "edge-fill-mask-example"},
)
with urlopen(request) as response:
    print(json.dumps(json.load(response), indent=2))`;
  }
}

/** All lines but the first. */
const indent = (text: string, spaces: number): string => text.replaceAll('\n', `\n${' '.repeat(spaces)}`);
