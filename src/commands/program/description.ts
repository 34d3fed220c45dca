import { Argument, type Command } from 'commander';
import { connect } from '../connect.ts';
import { type DescribeOptions, describeCommand } from '../describe.ts';
import { once, stopper } from './context.ts';
import { words } from './options.ts';

/** describe: whether age and gender are estimated. */
export const addDescription = (program: Command): void => {
  program
    .command('describe')
    .description('Switch estimates of age and gender on or off (they are off at first)')
    .addArgument(new Argument('<state>', 'whether faces are to be described').choices(['on', 'off']))
    .option('--past', 'with on: describe the faces that are there already, too')
    .option('--note <words>', 'why, and on whose word; kept on record', words)
    .action(
      once(async ({ config, log }, state: 'on' | 'off', options: DescribeOptions) => {
        await describeCommand(await connect(config, log, stopper), state, options);
        return true;
      }),
    );
};
