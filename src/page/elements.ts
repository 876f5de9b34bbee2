/** Finds elements by id, and creates them from text and other elements, never from HTML. */

/** @throws if the document has no such element: the document and the script must match */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id ${id}`);
  return found;
}

type Attributes = Readonly<Record<string, string>>;

/** @example make('p', { class: 'note' }, 'Text stays text: ', make('strong', {}, '<b>this is not bold</b>')) */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

let pending: string[] = [];

/** Announces a message to screen readers, joined with others of the same moment. A repeated message is announced again. */
export function announce(sentence: string): void {
  pending.push(sentence);
  if (pending.length > 1) return;
  queueMicrotask(() => {
    const message = pending.join(' ');
    pending = [];
    const status = byId('status', HTMLParagraphElement);
    status.textContent = status.textContent === message ? `${message}\u00A0` : message;
  });
}
