import type { Command } from 'commander';
import { connect } from '../connect.ts';
import { exportCommand, type ImportCommand, importCommand } from '../transfer.ts';
import { once, stopper } from './context.ts';
import { several } from './options.ts';

/** import, export: people and their photos, many at once. */
export const addTransfer = (program: Command): void => {
  program
    .command('import')
    .description('Enrol people from a folder (one subfolder a person) or a CSV file')
    .argument('<path>', 'a folder, or a file like people.csv')
    .option('--watchlist <name>', 'put everybody on this list, too; may be repeated', several, [])
    .option('--add-watchlists', 'make lists that are not there')
    .option('--allow-refused', 'exit with 0 also if something was refused')
    .option('--json', 'print the report as one JSON object')
    .addHelpText(
      'after',
      `
  May be run again, also after it was broken off: who and what was handed in before is not handed in twice.

  A subfolder holds photos, and person.json if there is more to say:
    {"external_ref": "hr-17", "metadata": {}, "watchlists": ["staff"], "faces": {"2.jpg": 3}, "accept": {"2.jpg": ["face_unlike"]}}
  The columns of people.csv, all but the first of which may be left out:
    name,external_ref,photos,watchlists,metadata,faces,accept
    Ada,hr-17,ada/1.jpg;ada/2.jpg,staff,"{""floor"": 2}",;3,;face_unlike`,
    )
    .action(
      once(async ({ config, log }, path: string, options: ImportCommand) =>
        importCommand(await connect(config, log, stopper), path, { ...options, maxPixels: config.maxPixels }),
      ),
    );

  program
    .command('export')
    .description('Write everybody who is enrolled, with their photos, in the form that import reads')
    .argument('<folder>', 'one that is not there yet')
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, folder: string, options: { json?: boolean }) =>
        exportCommand(await connect(config, log, stopper), folder, options.json ?? false),
      ),
    );
};
