/** `evaluate`: measures a model on BLiMP, ParaRel and running text, as it is served and in float32. */
import { selectedBackend } from '../bucket/deployed.ts';
import { CLEAR_LEAD } from '../evaluation/agreement.ts';
import { WHERE_FROM } from '../evaluation/data.ts';
import { evaluate } from '../evaluation/evaluate.ts';
import { printTable, worseThan } from '../evaluation/table.ts';
import { type Command, percent, withCommas } from './command.ts';
import { progressBar } from './progress.ts';
import { orSelected } from './selected.ts';
import { print } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** The loss of int8 against float32 that is reported: points, or hundredths of a bit. */
const MAX_LOSS = 0.5;

export const command: Command = {
  async run(model, { data, full = false, quick = false }) {
    if (!data) throw new Error(WHERE_FROM);
    if (full && quick) throw new UsageError('--full and --quick exclude each other');
    const share = full ? Infinity : quick ? 0.25 : 1;
    const id = orSelected(model);
    const evaluation = await evaluate(id, { data, share, progress: progressBar('evaluated') });
    const { revision, singlePiece } = evaluation;
    const { clear, all } = evaluation.agreement;
    print(
      `${id}@${revision}, int8 by ${selectedBackend()}, ${full ? 'everything' : quick ? 'a quarter of the seeded sample' : 'a seeded sample'}; ± is the standard error\n`,
    );
    print(printTable(evaluation));
    print(`
Same first choice as float32: ${percent(clear.same / clear.of)} of ${withCommas(clear.of)} masks where that of float32 leads by ${CLEAR_LEAD} logits or more,
${percent(all.same / all.of)} of ${withCommas(all.of)} masks overall.
${withCommas(singlePiece.facts)} of ${withCommas(singlePiece.of)} facts have an answer of one piece and can be asked.`);
    const worse = worseThan(evaluation, MAX_LOSS);
    print(
      worse.length > 0
        ? `int8 is worse than float32 by more than ${MAX_LOSS} points in: ${worse.join('; ')}.`
        : `int8 is not worse than float32 by more than ${MAX_LOSS} points.`,
    );
  },
};
