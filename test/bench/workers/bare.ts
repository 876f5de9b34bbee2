/** The least that a Hono app can do: a constant response. */
import { Hono } from 'hono';

const app = new Hono<{ Bindings: { ANSWER: string } }>();
app.post('/fill-mask', (c) => c.body(c.env.ANSWER, 200, { 'content-type': 'application/json' }));
export default app;
