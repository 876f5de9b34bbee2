/** A tab with a form that sends one request and shows its answer. */
import { keyHeaders } from './api-key.ts';
import { ask, type Outcome } from './api.ts';
import { describeSeconds } from './cache-status.ts';
import { announce, byId, make } from './elements.ts';
import { modelPath } from './model-path.ts';

export interface Request {
  readonly path: string;
  readonly body: unknown;
}

export interface Rendered {
  readonly elements: readonly HTMLElement[];
  /** For screen readers. */
  readonly summary: string;
}

/**
 * @param name the form has the id `${name}-form`, its answer goes to `${name}-output`
 * @param read returns the request, or a message if the form is incomplete
 * @param render returns undefined for an answer of an unknown format
 * @returns sends the form, for a tab that is opened: only if it has no answer yet, unless `again` is set
 */
export function bindTool(
  name: string,
  read: () => Request | string,
  render: (document: unknown) => Rendered | undefined,
): (again?: boolean) => void {
  const form = byId(`${name}-form`, HTMLFormElement);
  const output = byId(`${name}-output`, HTMLDivElement);
  let current: AbortController | undefined;
  const fail = (message: string) => {
    output.replaceChildren(make('p', { class: 'alert', role: 'alert' }, message));
  };
  const send = async () => {
    current?.abort();
    const request = read();
    if (typeof request === 'string') {
      fail(request);
      return;
    }
    const mine = (current = new AbortController());
    output.setAttribute('aria-busy', 'true');
    if (output.childElementCount === 0)
      output.replaceChildren(make('p', { class: 'empty' }, 'Waiting for the answer…'));
    const outcome = await ask(`${modelPath()}${request.path}`, request.body, mine.signal, keyHeaders());
    if (mine !== current || outcome.kind === 'cancelled') return;
    current = undefined;
    output.removeAttribute('aria-busy');
    if (outcome.kind === 'failed') {
      fail(describe(outcome));
      return;
    }
    const rendered = render(outcome.document);
    if (!rendered) {
      fail('The server answered in an unknown format. Is this the address of the API?');
      return;
    }
    output.replaceChildren(...rendered.elements);
    announce(rendered.summary);
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send();
  });
  return (again = false) => {
    if (again || output.childElementCount === 0) void send();
  };
}

const describe = ({ message, wait_s }: Extract<Outcome, { kind: 'failed' }>): string =>
  wait_s === undefined ? message : `${message} Wait ${describeSeconds(wait_s)}.`;
