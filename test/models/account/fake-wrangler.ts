/**
 * What wrangler 4.155 sends to the API for the commands that ours run, without its process of seconds. deploy.test.ts runs wrangler
 * itself. For tests.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { unstable_readConfig as readConfig } from 'wrangler';

import { CONFIG } from '../../../models/account/worker.ts';
import type { runWrangler, WranglerEvent } from '../../../models/account/wrangler.ts';
import { ACCOUNT, TOKEN } from './account-server.ts';

export const fakeWrangler: typeof runWrangler = async (args, run) => {
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  const env = option('--env');
  const config = readConfig({ config: option('--config') ?? CONFIG, ...(env && { env }) });
  const what = args
    .slice(
      0,
      args.findIndex((arg) => arg.startsWith('-')),
    )
    .join(' ');
  const script = `/workers/scripts/${config.name}`;

  async function send(method: string, path: string, body: FormData | object, type = 'application/json') {
    const isForm = body instanceof FormData;
    const response = await fetch(`${process.env['CLOUDFLARE_API_BASE_URL']}/accounts/${ACCOUNT}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...(!isForm && { 'content-type': type }) },
      body: isForm ? body : JSON.stringify(body),
    });
    const { result, errors } = (await response.json()) as {
      result: unknown;
      errors: { code: number; message: string }[];
    };
    if (response.ok) return result as { id: string; deployment_id?: string };
    throw new Error(`wrangler ${what} failed: ${errors[0]?.message} [code: ${errors[0]?.code}] (${response.status})`);
  }
  const setSubdomain = () =>
    send('POST', `${script}/subdomain`, {
      enabled: config.workers_dev,
      previews_enabled: config.preview_urls ?? false,
    });

  async function formOfVersion(): Promise<FormData> {
    const vars = { ...config.vars };
    for (let i = 0, isVar = false; i < args.length; i++) {
      const text = args[i] ?? '';
      if (text.startsWith('-')) isVar = text === '--var';
      else if (isVar) vars[text.slice(0, text.indexOf(':'))] = text.slice(text.indexOf(':') + 1);
    }
    const file = option('--secrets-file');
    const secrets = file === undefined ? {} : (JSON.parse(await readFile(file, 'utf8')) as Record<string, string>);
    const bindings = [
      ...Object.entries(vars).map(([name, text]) => ({ name, type: 'plain_text', text })),
      ...config.r2_buckets.map(({ binding, ...rest }: { binding: string }) => ({
        name: binding,
        type: 'r2_bucket',
        ...rest,
      })),
      ...config.ratelimits.map((limit: object) => ({ ...limit, type: 'ratelimit' })),
      ...Object.entries(secrets).map(([name, text]) => ({ name, type: 'secret_text', text })),
    ];
    const form = new FormData();
    form.set(
      'metadata',
      JSON.stringify({
        main_module: 'index.js',
        bindings,
        limits: config.limits,
        keep_bindings: ['secret_text', 'secret_key'],
        annotations: { 'workers/message': option('--message'), 'workers/tag': option('--tag') },
      }),
    );
    form.set('index.js', new Blob([`// ${randomUUID()}`]), 'index.js');
    return form;
  }

  const events: WranglerEvent[] = [];
  switch (what) {
    case 'versions upload': {
      const { id } = await send('POST', `${script}/versions`, await formOfVersion());
      events.push({ type: 'version-upload', version_id: id });
      break;
    }
    case 'deploy': {
      const { deployment_id } = await send('PUT', script, await formOfVersion());
      await setSubdomain();
      events.push({ type: 'deploy', version_id: deployment_id ?? null });
      break;
    }
    case 'triggers deploy':
      await setSubdomain();
      break;
    case 'versions secret bulk': {
      const secrets = JSON.parse(run?.input ?? '') as Record<string, string | null>;
      const changed = Object.entries(secrets).map(([name, text]) => [
        name,
        text === null ? null : { type: 'secret_text', text },
      ]);
      const annotations = { 'workers/message': option('--message'), 'workers/tag': option('--tag') };
      const path = `/workers/workers/${config.name}/versions/latest`;
      await send('PATCH', path, { env: Object.fromEntries(changed), annotations }, 'application/merge-patch+json');
      break;
    }
    default:
      throw new Error(`the stand-in for wrangler does not know "${what}"`);
  }
  return { stdout: '', events };
};
