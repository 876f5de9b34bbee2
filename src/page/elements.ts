/** Elements of the page: found by id, or made of text and other elements, never of HTML. */

/** @throws when the document has no such element of that kind: it and the script belong together */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id ${id}`);
  return found;
}

type Attributes = Readonly<Record<string, string>>;

/** @example make('p', { class: 'note' }, 'A text is a text, ', make('strong', {}, '<b>even this</b>')) */
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

let unsaid: string[] = [];

/** Says a sentence to a screen reader: after what was to be said at the same moment. The same twice is said twice. */
export function announce(sentence: string): void {
  unsaid.push(sentence);
  if (unsaid.length > 1) return;
  queueMicrotask(() => {
    const said = unsaid.join(' ');
    unsaid = [];
    const status = byId('status', HTMLParagraphElement);
    status.textContent = status.textContent === said ? `${said}\u00A0` : said;
  });
}
