/** The model that answers: with several in the deployment, a person picks one. Its card describes it. */
import { announce, byId, make } from './elements.ts';
import { showModel, showNoModel } from './model-card.ts';
import { modelPath } from './model-path.ts';
import type { ServedModel } from './parse-response.ts';

const field = byId('model-field', HTMLDivElement);
const select = byId('model', HTMLSelectElement);

let served: readonly ServedModel[] = [];

/** The id for a link. Empty for the default model. */
export const pickedModel = (): string => modelPath().replace('/models/', '');

/** @param id of a link, which may be of a model that is not served: the API says so. Empty for the default model */
export function pickModel(id: string): void {
  const path = `/models/${id}`;
  const isDefault = id === '' || served.some((one) => one.default && one.path === path);
  const value = isDefault ? '' : path;
  if (!Array.from(select.options).some((option) => option.value === value))
    select.append(make('option', { value }, id));
  select.value = value;
  field.hidden = select.options.length < 2;
  const info = served.find((one) => (isDefault ? one.default : one.path === path))?.info;
  if (info) showModel(info);
  else if (served.length > 0) showNoModel();
}

/**
 * @param onPick called when a person picks another model
 * @returns shows the models, once they are known
 */
export function bindModels(onPick: () => void): (models: readonly ServedModel[]) => void {
  select.addEventListener('change', () => {
    pickModel(pickedModel());
    announce(`Answers now come from ${select.selectedOptions[0]?.textContent ?? ''}.`);
    onPick();
  });
  return (models) => {
    const picked = pickedModel();
    served = models;
    select.replaceChildren(
      ...models.map(({ path, info, ...one }) => {
        const id = path.replace('/models/', '');
        const option = make('option', { value: one.default ? '' : path }, info ? id : `${id} (not in the bucket)`);
        option.disabled = !info;
        return option;
      }),
    );
    pickModel(picked);
  };
}
