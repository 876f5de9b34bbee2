/** The models that answer: with several in the deployment, a person picks one, or two to compare. Cards describe them. */
import { announce, byId, make } from './elements.ts';
import { showModels } from './model-card.ts';
import { modelPath, otherPath } from './model-path.ts';
import type { ServedModel } from './parse-response.ts';
import type { Question } from './question.ts';

type Picked = Pick<Question, 'model' | 'other'>;

const fields = byId('models', HTMLDivElement);
const select = byId('model', HTMLSelectElement);
const other = byId('other', HTMLSelectElement);

let served: readonly ServedModel[] = [];

const idOf = (path: string): string => path.replace('/models/', '');
/** Of an option: the picker has an empty value for the default model. */
const servedAt = (path: string): ServedModel | undefined =>
  served.find((one) => (path === '' ? one.default : one.path === path));

/** For a link. */
export const pickedModels = (): Picked => ({ model: idOf(modelPath()), other: idOf(otherPath()) });

/** The names of the first and the second model, for their answers. */
export const modelNames = (): [string, string] => [
  idOf(servedAt(modelPath())?.path ?? modelPath()) || 'default model',
  idOf(otherPath()),
];

/** @param picked of a link, whose models may not be served: the API says so */
export function pickModels({ model, other: second }: Picked): void {
  const path = `/models/${model}`;
  pick(select, model === '' || servedAt(path)?.default === true ? '' : path);
  pick(other, second === '' ? '' : `/models/${second}`);
  showPicked();
}

function pick(list: HTMLSelectElement, value: string): void {
  if (!Array.from(list.options).some((option) => option.value === value)) {
    list.append(make('option', { value }, idOf(value)));
  }
  list.value = value;
}

function showPicked(): void {
  const first = servedAt(modelPath())?.path;
  for (const option of other.options) {
    if (option.value !== '') option.disabled = option.value === first || servedAt(option.value)?.info === undefined;
  }
  fields.hidden = select.options.length < 2 && other.value === '';
  showModels([servedAt(modelPath())?.info, otherPath() === '' ? undefined : servedAt(otherPath())?.info]);
}

/**
 * @param onPick called when a person picks another model
 * @returns shows the models, once they are known
 */
export function bindModels(onPick: () => void): (models: readonly ServedModel[]) => void {
  fields.addEventListener('change', () => {
    // A model is not compared with itself.
    if (servedAt(modelPath())?.path === otherPath()) other.value = '';
    showPicked();
    const [first, second] = modelNames();
    announce(`Answers now come from ${otherPath() === '' ? first : `${first} and ${second}`}.`);
    onPick();
  });
  return (models) => {
    const picked = pickedModels();
    served = models;
    const options = (valueOf: (model: ServedModel) => string) =>
      models.map((model) => {
        const id = idOf(model.path);
        const option = make('option', { value: valueOf(model) }, model.info ? id : `${id} (not in the bucket)`);
        option.disabled = !model.info;
        return option;
      });
    select.replaceChildren(...options((model) => (model.default ? '' : model.path)));
    other.replaceChildren(make('option', { value: '' }, 'no other model'), ...options(({ path }) => path));
    pickModels(picked);
  };
}
