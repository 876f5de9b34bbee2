/** Compares two sentences by `/score`: which is more likely to the model, and which tokens surprise it. */
import { byId, make } from './elements.ts';
import { parseScores, type Scored } from './parse-response.ts';
import { bindTool } from './tool.ts';

const inputs = [byId('first', HTMLInputElement), byId('second', HTMLInputElement)] as const;
/** Nats. A token this improbable has the full colour. */
const HOTTEST = 10;

/** @returns compares the sentences, unless that is done */
export function bindCompare(): () => void {
  return bindTool(
    'compare',
    () => {
      const texts = inputs.map(({ value }) => value.trim());
      return texts.includes('') ? 'Type two sentences.' : { path: '/score', body: { inputs: texts } };
    },
    (document) => {
      const scores = parseScores(document, inputs.length);
      const [first, second] = scores ?? [];
      if (!first || !second) return undefined;
      const summary = verdict(first, second);
      return {
        summary,
        elements: [
          make('p', { class: 'verdict' }, summary),
          make('div', { class: 'columns' }, column('First', first), column('Second', second)),
          make(
            'p',
            { class: 'hint' },
            'The number below each token is the logarithm of its probability, given the rest of its sentence without the rest ',
            'of its word. The warmer its colour, the less the model expects the token.',
          ),
        ],
      };
    },
  );
}

function verdict(first: Scored, second: Scored): string {
  const difference = first.score - second.score;
  const caveat =
    first.tokens.length === second.tokens.length ? '' : ' Their lengths differ: compare the means per token as well.';
  if (difference === 0) return `Both sentences are equally likely.${caveat}`;
  return `The ${difference > 0 ? 'first' : 'second'} sentence is more likely to the model, by ${Math.abs(difference).toFixed(2)} nats.${caveat}`;
}

function column(name: string, { score, tokens }: Scored): HTMLElement {
  const items = tokens.map((token) => {
    const item = make(
      'li',
      {},
      make('bdi', { class: 'piece' }, token.token_str),
      ' ',
      make('span', { class: 'id' }, signed(token.score)),
    );
    item.style.setProperty('--heat', String(Math.min(1, -token.score / HOTTEST)));
    return item;
  });
  const mean = tokens.length > 0 ? score / tokens.length : 0;
  return make(
    'div',
    { class: 'column' },
    make('h2', {}, `${name} sentence`),
    make('p', { class: 'total' }, `${signed(score)} in all, ${signed(mean)} per token`),
    make('ol', { class: 'chips heat', 'aria-label': `Tokens of the ${name.toLowerCase()} sentence` }, ...items),
  );
}

const signed = (value: number): string => value.toFixed(2).replace('-', '−');
