/**
 * A worker that asks edge-fill-mask over a service binding: no HTTP, no key, and errors as values. It answers
 * `/?text=Paris is the ____ of France.` with the sentence filled.
 */
import type { FillMask } from '../../../src/index.ts';

interface Env {
  readonly FILL_MASK: Service<FillMask>;
}

export default {
  async fetch(request, env): Promise<Response> {
    const text = new URL(request.url).searchParams.get('text') ?? '';
    const found = await env.FILL_MASK.fillMask({
      inputs: text.replaceAll('____', '[MASK]'),
      parameters: { strategy: 'joint', top_k: 1 },
    });
    if (!found.ok) return Response.json({ why: found.error.error }, { status: found.error.status });
    return Response.json(found.value);
  },
} satisfies ExportedHandler<Env>;
