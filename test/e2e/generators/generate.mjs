/** Writes a client in TypeScript that validates answers with valibot: `node generate.mjs openapi.json folder`. */
import { createClient } from '@hey-api/openapi-ts';

const [, , input, path] = process.argv;
await createClient({
  input,
  output: { path },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', 'valibot', { name: '@hey-api/sdk', validator: true }],
  logs: { level: 'silent', file: false },
});
