/** Prints what Spectral finds in an OpenAPI document, as JSON: `node lint.mjs openapi.json`. */
import { readFile } from 'node:fs/promises';

import spectral from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';

const linter = new spectral.Spectral();
linter.setRuleset({ extends: [rulesets.oas] });
const problems = await linter.run(await readFile(process.argv[2], 'utf8'));
process.stdout.write(JSON.stringify(problems.map(({ code, message, path }) => [code, message, path.join('.')])));
