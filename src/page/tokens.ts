/** Shows the tokens of a text. */
import { byId, make } from './elements.ts';
import { parseTokens, type Token } from './parse-response.ts';
import { bindTool } from './tool.ts';

const input = byId('tokens-text', HTMLInputElement);

/** @returns shows the tokens of a text, unless a person has typed another one into the tab */
export function bindTokens(): (text: string) => void {
  const send = bindTool(
    'tokens',
    () => (input.value === '' ? 'Type a text.' : { path: '/tokenize', body: { inputs: input.value } }),
    (document) => {
      const tokens = parseTokens(document);
      if (!tokens) return undefined;
      const special = tokens.filter((token) => token.special).length;
      const summary = `${tokens.length} tokens, ${special} of them special.`;
      return {
        summary,
        elements: [
          make('p', { class: 'hint' }, `${summary} The id is below each piece; special tokens are dashed.`),
          make('ol', { class: 'chips', 'aria-label': 'Tokens' }, ...tokens.map(chip)),
        ],
      };
    },
  );
  let isEdited = false;
  input.addEventListener('input', () => (isEdited = true));
  return (text) => {
    if (isEdited || text === '' || text === input.value) return;
    input.value = text;
    send(true);
  };
}

function chip({ piece, token, special }: Token): HTMLLIElement {
  return make(
    'li',
    special ? { class: 'special' } : {},
    make('bdi', { class: 'piece' }, piece),
    ' ',
    make('span', { class: 'id' }, String(token)),
    ...(special ? [make('span', { class: 'unseen' }, ' special')] : []),
  );
}
