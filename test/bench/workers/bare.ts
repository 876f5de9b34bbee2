/** The least that a Hono app can do: the same bytes for everyone. */
import { Hono } from 'hono';

const app = new Hono<{ Bindings: { ANSWER: string } }>();
app.post('/fill-mask', (c) => c.body(c.env.ANSWER, 200, { 'content-type': 'application/json' }));
export default app;
