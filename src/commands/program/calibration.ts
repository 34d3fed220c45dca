import { type Command, InvalidArgumentError } from 'commander';
import { type CalibrateOptions, calibrate } from '../calibrate.ts';
import { connect } from '../connect.ts';
import { once, stopper } from './context.ts';
import { moment, position, several } from './options.ts';

const rate = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('Give a share between 0 and 1, like 0.003.');
  return value;
};

/** calibrate: what a threshold lets through, and which one to take. */
export const addCalibration = (program: Command): void => {
  program
    .command('calibrate')
    .description('Measure false positives and hits by threshold, store the curve, and recommend a threshold')
    .option(
      '--folder <dir>',
      'measure a labelled folder instead of what is enrolled; may be repeated',
      several,
      [],
    )
    .option('--strangers <dir>', 'photos of people who are on no list; may be repeated', several, [])
    .option('--strangers-since <time>', 'stored faces that named nobody since then', moment)
    .option('--target-fpir <share>', 'share of strangers that may be taken for somebody', rate, 0.003)
    .option(
      '--max-probes <number>',
      'search that many photos, and that many strangers, at most',
      position,
      2000,
    )
    .option('--model <id>', 'of the references (default: the model that most of them have)')
    .option('--show [id]', 'measure nothing; tell the latest curve, or this one')
    .option('--svg <file>', 'plot the curve into this file')
    .option('--json', 'print JSON, with every point')
    .addHelpText(
      'after',
      `
Lists that have a target_fpir take the threshold that the new curve says, if there were strangers enough to tell.

Examples:
  $ watchpost calibrate --target-fpir 0.003 --svg curve.svg
  $ watchpost calibrate --strangers ./people-who-work-here
  $ watchpost calibrate --folder ./labelled             one subfolder a person, _strangers/
  $ watchpost calibrate --show`,
    )
    .action(
      once(async ({ config, log }, options: CalibrateOptions) =>
        calibrate(config, await connect(config, log, stopper), stopper, options),
      ),
    );
};
