/** Shows the tokens of a text. They are requested when the details are open, and again for each new question. */
import { parseTokens, type Token } from './parse-response.ts';
import { keyHeaders } from './api-key.ts';
import { ask } from './api.ts';
import { byId, make } from './elements.ts';
import { describeSeconds } from './cache-status.ts';

const details = byId('tokens', HTMLDetailsElement);
const body = byId('tokens-body', HTMLDivElement);
let wanted = '';
/** The text whose tokens are shown; undefined while waiting and after an error. */
let shown: string | undefined;
let current: AbortController | undefined;

/** Characters. */
const EXCERPT_LENGTH = 80;

export function bindTokens(text: () => string): void {
  details.addEventListener('toggle', () => {
    if (details.open) void tokenize(wanted || text());
  });
}

/** Sets the text: requests its tokens now if the details are open, otherwise when they are opened. */
export function showTokens(text: string): void {
  wanted = text;
  if (details.open) void tokenize(text);
}

async function tokenize(text: string): Promise<void> {
  current?.abort();
  current = undefined;
  if (shown === text) return;
  shown = undefined;
  const mine = (current = new AbortController());
  body.replaceChildren(make('p', { class: 'empty' }, 'Waiting for the tokens…'));
  const outcome = await ask('/tokenize', { inputs: text }, mine.signal, keyHeaders());
  if (mine !== current || outcome.kind === 'cancelled') return;
  current = undefined;
  if (outcome.kind === 'failed') {
    const wait = outcome.wait_s === undefined ? '' : ` Wait ${describeSeconds(outcome.wait_s)}.`;
    body.replaceChildren(make('p', { class: 'alert', role: 'alert' }, outcome.message + wait));
    return;
  }
  const tokens = parseTokens(outcome.document);
  if (!tokens) {
    body.replaceChildren(make('p', { class: 'alert', role: 'alert' }, 'The server answered in an unknown format.'));
    return;
  }
  shown = text;
  const special = tokens.filter((token) => token.special).length;
  body.replaceChildren(
    make(
      'p',
      { class: 'hint' },
      '“',
      make('bdi', {}, excerpt(text)),
      `”: ${tokens.length} tokens, ${special} of them special (dashed). The id is below each piece.`,
    ),
    make('ol', { class: 'chips', 'aria-label': 'Tokens' }, ...tokens.map(chip)),
  );
}

function chip({ piece, token, special }: Token): HTMLLIElement {
  return make(
    'li',
    special ? { class: 'special' } : {},
    make('span', { class: 'piece' }, piece),
    ' ',
    make('span', { class: 'id' }, String(token)),
    ...(special ? [make('span', { class: 'unseen' }, ' special')] : []),
  );
}

function excerpt(text: string): string {
  const characters = Array.from(text);
  return characters.length > EXCERPT_LENGTH ? `${characters.slice(0, EXCERPT_LENGTH).join('')}…` : text;
}
