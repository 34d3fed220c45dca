import { Command, InvalidArgumentError } from 'commander';
import { explain } from '../commands/explain.ts';
import { stopper } from '../commands/program/context.ts';
import { position } from '../commands/program/options.ts';
import { readConfig } from '../config.ts';
import { openLog } from '../log.ts';
import { evaluateCrowds, showCrowds } from './crowds.ts';
import { evaluate } from './evaluate.ts';
import { show } from './show.ts';

const sizes = (text: string): number[] => {
  const heights = text.split(',').map(Number);
  if (heights.every((height) => Number.isInteger(height) && height >= 16 && height <= 200)) return heights;
  throw new InvalidArgumentError('Give whole numbers from 16 to 200, like 51,38,31.');
};

const frameSize = (text: string): { width: number; height: number } => {
  const [width = 0, height = 0] = text.split('x').map(Number);
  if ([width, height].every((side) => Number.isInteger(side) && side >= 480 && side <= 8000))
    return { width, height };
  throw new InvalidArgumentError('Give a width and a height from 480 to 8000, like 1920x1080.');
};

const program = new Command('npm run eval --')
  .description(
    'Measure recognition on labelled photos, through the whole pipeline and a database that is dropped afterwards.',
  )
  .argument('<folder>', 'one subfolder a person; _strangers/; _groups/ with groups.csv (file, faces, people)')
  .option(
    '--all-but-one',
    'enrol everybody from all but one of their photos, and look for that one (the default)',
  )
  .option('--rounds <number>', 'hold out that many photos of each person, one after the other', position)
  .option('--each', 'hold out each photo once')
  .option('--keep', 'leave the databases, and say how to open them')
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
Who has one photo only is not enrolled; the photo is submitted as a stranger's. The databases are made on the server of
DATABASE_URL, else an embedded one is used.`,
  )
  .action(
    async (
      folder: string,
      options: { rounds?: number; each?: boolean; keep?: boolean; json?: boolean },
    ): Promise<void> => {
      const config = readConfig();
      void stopper.untilSignal(openLog('silent'));
      const found = await evaluate(
        config,
        openLog(config.logLevel === 'info' ? 'warn' : config.logLevel),
        stopper,
        folder,
        {
          rounds: options.each ? Number.POSITIVE_INFINITY : (options.rounds ?? 1),
          keep: options.keep ?? false,
          onProgress: progress,
        },
      );
      process.stderr.write('\n');
      process.stdout.write(`${options.json ? JSON.stringify(found) : show(found)}\n`);
    },
  );

program
  .command('crowds')
  .description(
    'Count how many faces of a crowd are found, by their height, in pictures composed from labelled folders',
  )
  .argument('<folder...>', 'labelled folders, as above')
  .option('--heights <pixels>', 'of the faces, with commas between them', sizes, [51, 38, 31, 24])
  .option('--frame <width>x<height>', 'of the pictures, in pixels', frameSize, { width: 1280, height: 960 })
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
Each setting of a camera (near, automatic, far) is measured with the installed detector, or with WATCHPOST_YUNET.`,
  )
  .action(
    async (
      folders: string[],
      options: { heights: number[]; frame: { width: number; height: number }; json?: boolean },
    ): Promise<void> => {
      const config = readConfig();
      void stopper.untilSignal(openLog('silent'));
      const figures = await evaluateCrowds(config, stopper, folders, { ...options, onProgress: progress });
      process.stderr.write('\n');
      process.stdout.write(
        `${options.json ? JSON.stringify({ frame: options.frame, figures }) : showCrowds(figures)}\n`,
      );
    },
  );

/** One line that is overwritten on a terminal; elsewhere one line when all are done. */
const progress = (what: string, ended: number, of: number): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${what}: ${ended} of ${of} photos\x1b[K`);
  else if (of > 0 && ended === of) process.stderr.write(`${what}: ${of} photos\n`);
};

try {
  await program.parseAsync();
} catch (error) {
  await stopper.stop();
  console.error(explain(error));
  process.exit(1);
}
await stopper.stop();
process.exit(0);
