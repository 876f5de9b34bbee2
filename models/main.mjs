// The entry of the npm scripts of a user: checks what `npm ci` installs, and then runs the script. It is JavaScript that any
// Node reads, since without `npm ci` the Node of the machine runs it, which may not take TypeScript.
import { existsSync } from 'node:fs';

/** By the name of the npm script. */
const SCRIPTS = {
  start: () => import('./commands/start.ts'),
  deploy: () => import('./commands/deploy.ts'),
  cost: () => import('./commands/cost.ts'),
  rollback: () => import('./commands/rollback.ts'),
  purge: () => import('./commands/purge.ts'),
  keys: () => import('./commands/keys.ts'),
  metrics: () => import('./commands/metrics.ts'),
  ask: () => import('./commands/ask.ts'),
  models: () => import('./cli.ts'),
};

const [name = ''] = process.argv.splice(2, 1);
const installed = existsSync(new URL('../node_modules/.package-lock.json', import.meta.url));
if (!Object.hasOwn(SCRIPTS, name)) {
  fail(`There is no script "${name}": ${Object.keys(SCRIPTS).join(', ')}`);
} else if (!installed) {
  fail('The packages are not installed. Run this first, in the folder of the repository:\n\n  npm ci');
} else if (!process.features.typescript) {
  fail(
    `This is Node ${process.version}, and the scripts need the Node 22 that npm ci installs. ` +
      `Run npm ci, and then npm run ${name}, which takes that one.`,
  );
} else {
  await SCRIPTS[name]();
}

/** @param {string} problem */
function fail(problem) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
