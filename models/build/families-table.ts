/** The table of supported families in models/README.md. No I/O. */
import { classOfFamily } from '../tokenizer/classes.ts';
import { ARCHITECTURES } from '../checkpoint/config.ts';
import type { Family } from '../checkpoint/encoder.ts';
import { TENSORS } from '../checkpoint/families.ts';

/** Published models that fit an isolate. */
const FITTING: Readonly<Record<Family, string>> = {
  albert: 'base, large, xlarge; v1 and v2; any groups and inner groups',
  bert: 'small ones; base with `--bits 4`; cased, uncased, Chinese',
  roberta: 'DistilRoBERTa; base with `--bits 4`',
  camembert: 'base with `--bits 4`',
  'xlm-roberta': 'base with `--bits 4` and `--keep-vocabulary`',
  distilbert: 'DistilBERT',
  electra: 'generators of all sizes',
};

/** In Markdown, as Prettier formats it. */
export function tableOfFamilies(): string {
  const families = Object.keys(TENSORS) as Family[];
  const rows = families.map((family) => [
    Object.entries(ARCHITECTURES)
      .filter(([, one]) => one === family)
      .map(([name]) => `\`${name}\``)
      .join(', '),
    TENSORS[family].sentence?.head.toUpperCase() ?? '',
    `\`${classOfFamily(family, new Set())?.name}\``,
    FITTING[family],
  ]);
  const head = ['class in `transformers`', 'sentence head', 'tokenizer', 'published models that fit'];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
