import { type Command, InvalidArgumentError } from 'commander';
import { evaluateCrowds } from '../../evaluation/crowds.ts';
import { evaluate } from '../../evaluation/evaluate.ts';
import { evaluateVideo } from '../../evaluation/video/evaluate-video.ts';
import { print, printJson } from '../program/io.ts';
import { openConfiguredDetector, openVision } from '../program/open-vision.ts';
import { positionOption } from '../program/options.ts';
import { showSteps } from '../program/progress.ts';
import type { AddCommand } from '../program/session.ts';
import { showCrowds, showEvaluation, showVideo } from './show.ts';

interface EvaluateOptions {
  readonly rounds?: number;
  readonly each?: boolean;
  readonly keep?: boolean;
  /** True: no clip is given. */
  readonly video?: string | true;
  readonly others: readonly string[];
  readonly json?: boolean;
}

/** evaluate: how well labelled photos are recognized. */
export const evaluateCommand: AddCommand = (program, session) => {
  const command = program
    .command('evaluate')
    .description(
      'Measure recognition on labelled photos, through the whole pipeline, in a temporary database',
    )
    .argument(
      '<folder>',
      'one subfolder a person; _strangers/; _groups/ with groups.csv (file, faces, people)',
    )
    .option(
      '--all-but-one',
      'enrol everybody from all but one of their photos, and search for that one (the default)',
    )
    .option(
      '--rounds <number>',
      'hold out that many photos of each person, one after the other',
      positionOption,
    )
    .option('--each', 'hold out each photo once')
    .option(
      '--video [file]',
      'measure tracks: on a clip whose passages are marked, and on scenes composed of the photos',
    )
    .option(
      '--others <folder...>',
      'with --video: further labelled folders, whose people are enrolled too',
      [],
    )
    .option('--keep', 'keep the databases, and print how to open them')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Who has one photo only is not enrolled; the photo is submitted as a stranger's. The databases are made on the server of
DATABASE_URL, else an embedded one is used.`,
    )
    .action(
      session.action(async (context, folder: string, options: EvaluateOptions) => {
        const { io } = context;
        void context.untilSignal();
        const vision = await openVision(context);
        if (options.video !== undefined) {
          const found = await evaluateVideo({ ...context, vision }, folder, {
            clip: options.video === true ? undefined : options.video,
            others: options.others,
            keep: options.keep ?? false,
            onProgress: showSteps(io.stderr),
          });
          io.stderr.write('\n');
          if (options.json) printJson(io, found);
          else print(io, showVideo(found));
          return;
        }
        const found = await evaluate({ ...context, vision }, folder, {
          rounds: options.each ? Number.POSITIVE_INFINITY : (options.rounds ?? 1),
          keep: options.keep ?? false,
          onProgress: showSteps(io.stderr),
        });
        io.stderr.write('\n');
        if (options.json) printJson(io, found);
        else print(io, showEvaluation(found));
      }),
    );
  evaluateCrowdsCommand(command, session);
};

interface CrowdsOptions {
  readonly heights: number[];
  readonly frame: { width: number; height: number };
}

const evaluateCrowdsCommand: AddCommand = (parent, session) =>
  parent
    .command('crowds')
    .description(
      'Count how many faces of a crowd are found, by their height, in pictures composed from labelled folders',
    )
    .argument('<folder...>', 'labelled folders, as above')
    .option('--heights <pixels>', 'of the faces, with commas between them', heights, [51, 38, 31, 24])
    .option('--frame <width>x<height>', 'of the pictures, in pixels', frameSize, { width: 1280, height: 960 })
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Each setting of a camera (near, automatic, far) is measured with the installed detector, or with WATCHPOST_YUNET.`,
    )
    .action(
      session.action(async (context, folders: string[], options: CrowdsOptions, command: Command) => {
        const { io } = context;
        // Commander gives --json to `evaluate`, which has an option of the same name.
        const { json } = command.optsWithGlobals<{ json?: boolean }>();
        void context.untilSignal();
        const detector = await openConfiguredDetector(context);
        const vision = await openVision(context, { installed: true });
        const figures = await evaluateCrowds({ ...context, detector, vision }, folders, {
          ...options,
          onProgress: showSteps(io.stderr),
        });
        io.stderr.write('\n');
        if (json) printJson(io, { frame: options.frame, figures });
        else print(io, showCrowds(figures));
      }),
    );

const heights = (text: string): number[] => {
  const parsed = text.split(',').map(Number);
  if (parsed.every((height) => Number.isInteger(height) && height >= 16 && height <= 200)) return parsed;
  throw new InvalidArgumentError('Give whole numbers from 16 to 200, like 51,38,31.');
};

const frameSize = (text: string): { width: number; height: number } => {
  const [width = 0, height = 0] = text.split('x').map(Number);
  if ([width, height].every((side) => Number.isInteger(side) && side >= 480 && side <= 8000))
    return { width, height };
  throw new InvalidArgumentError('Give a width and a height from 480 to 8000, like 1920x1080.');
};
