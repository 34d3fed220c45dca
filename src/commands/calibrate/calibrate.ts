import { writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readCurve, recommend, strangersNeeded } from '../../calibration/calibration.ts';
import {
  findLabelledFaces,
  type LabelledFace,
  type LabelledPhoto,
  type LeftOut,
} from '../../calibration/faces.ts';
import { readLabelledFolder } from '../../calibration/labelled-folder.ts';
import { measure } from '../../calibration/measure.ts';
import { plot } from '../../calibration/plot.ts';
import type { Database } from '../../database/pool.ts';
import { CommandError } from '../../errors.ts';
import { whyUnusableFile } from '../../file-errors.ts';
import { photosBelow } from '../../intake/index.ts';
import { registerModels } from '../../runner/registration.ts';
import { connect } from '../program/connect.ts';
import { print, printJson } from '../program/io.ts';
import { openVision } from '../program/open-vision.ts';
import {
  identifier,
  momentOption,
  positionOption,
  searched,
  several,
  shareOption,
} from '../program/options.ts';
import type { AddCommand, Context } from '../program/session.ts';
import { summaryOf } from './summary.ts';

interface CalibrateOptions {
  readonly folder: readonly string[];
  readonly strangers: readonly string[];
  readonly strangersSince?: string;
  readonly model?: string;
  readonly maxProbes: number;
  readonly targetFpir: number;
  readonly show?: boolean | string;
  readonly svg?: string;
  readonly json?: boolean;
}

/** calibrate: false positives and hits by threshold, and the threshold for a rate. */
export const calibrateCommand: AddCommand = (program, session) =>
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
    .option('--strangers-since <time>', 'stored faces that matched nobody since then', momentOption)
    .option('--target-fpir <share>', 'share of strangers that may be taken for somebody', shareOption, 0.003)
    .option(
      '--max-probes <number>',
      'search that many photos, and that many strangers, at most',
      positionOption,
      2000,
    )
    .option('--model <id>', 'of the references (default: the model that most of them have)', searched)
    .option('--show [id]', 'measure nothing; print the latest curve, or this one', identifier)
    .option('--svg <file>', 'plot the curve into this file')
    .option('--json', 'print JSON, with every point')
    .addHelpText(
      'after',
      `
Lists with a target_fpir take their threshold from the new curve, if there were enough strangers to measure that rate.

Examples:
  $ watchpost calibrate --target-fpir 0.003 --svg curve.svg
  $ watchpost calibrate --strangers ./people-who-work-here
  $ watchpost calibrate --folder ./labelled             one subfolder a person, _strangers/
  $ watchpost calibrate --show`,
    )
    .action(session.action(calibrate));

const calibrate = async (context: Context, options: CalibrateOptions): Promise<void> => {
  const { io } = context;
  const { targetFpir, svg } = options;
  if (options.folder.length > 0 && (options.strangersSince || options.model)) {
    throw new CommandError(
      '--strangers-since and --model are for what is enrolled; with --folder, faces come from the folders and the installed model.',
    );
  }
  const database = await connect(context);
  const { id, leftOut } = options.show
    ? { id: typeof options.show === 'string' ? options.show : undefined, leftOut: [] }
    : await measureAndStore(context, database, options);
  const { calibration, points } = await readCurve(database.db, id);
  const recommended = await recommend(database.db, calibration.id, targetFpir);
  if (svg) await writeFile(svg, plot(calibration, points, recommended));

  if (options.json) {
    printJson(io, {
      ...calibration,
      recommended,
      strangers_needed: strangersNeeded(targetFpir),
      left_out: leftOut,
      points,
    });
    return;
  }
  print(io, summaryOf(calibration, points, recommended, targetFpir, leftOut));
  if (svg) print(io, `Plot: ${svg}`);
};

/** Returns the id of the new curve, and the photos that could not be used. */
const measureAndStore = async (
  context: Context,
  database: Database,
  options: CalibrateOptions,
): Promise<{ id: string; leftOut: readonly LeftOut[] }> => {
  const photos = await labelledPhotos(options, context.config.maxPixels);
  const { faces, leftOut, model } =
    photos.length > 0
      ? await facesOf(context, database, photos)
      : { faces: [], leftOut: [], model: options.model ?? null };
  const { id } = await measure(database, {
    model,
    references: options.folder.length === 0,
    strangersSince: options.strangersSince ?? null,
    faces,
    source: sourceOf(options),
    maxProbes: options.maxProbes,
    command: commandOf(options),
  });
  return { id, leftOut };
};

/** People of the same name in two folders are two people. A folder of strangers is read with all its subfolders. */
const labelledPhotos = async (options: CalibrateOptions, maxPixels: number): Promise<LabelledPhoto[]> => {
  const photos: LabelledPhoto[] = [];
  for (const path of options.folder) {
    const folder = await readLabelledFolder(path, { maxPixels });
    for (const { name, photos: files } of folder.people)
      photos.push(...files.map((file) => ({ file: join(path, file), person: `${resolve(path)}/${name}` })));
    photos.push(...folder.strangers.map((file) => ({ file: join(path, file), person: null })));
  }
  for (const path of options.strangers) {
    const files = await photosBelow(path).catch((error) => {
      throw new CommandError(
        `--strangers: ${path} cannot be read: ${whyUnusableFile(error) ?? error.message}.`,
      );
    });
    if (files.length === 0) throw new CommandError(`--strangers: there is no photo in ${path}.`);
    photos.push(...files.map((file) => ({ file, person: null })));
  }
  return photos;
};

const facesOf = async (
  context: Context,
  database: Database,
  photos: readonly LabelledPhoto[],
): Promise<{ faces: LabelledFace[]; leftOut: LeftOut[]; model: string }> => {
  const { stderr } = context.io;
  const vision = await openVision(context);
  const found = await findLabelledFaces(vision, photos, (done, of) => {
    if (stderr.isTTY) stderr.write(`\r${done} of ${of} photos${done === of ? '\n' : ''}`);
  });
  await registerModels(database, vision);
  return { ...found, model: vision.embedder.id };
};

const sourceOf = ({ folder, strangers, strangersSince }: CalibrateOptions): string =>
  [
    ...(folder.length > 0 ? folder.map((path) => basename(resolve(path))) : ['references']),
    ...(strangersSince ? ['stored strangers'] : []),
    ...strangers.map((path) => `strangers of ${basename(resolve(path))}`),
  ].join(' and ');

const commandOf = (options: CalibrateOptions): string =>
  [
    'watchpost calibrate',
    ...options.folder.map((path) => `--folder ${path}`),
    ...options.strangers.map((path) => `--strangers ${path}`),
    ...(options.strangersSince ? [`--strangers-since ${options.strangersSince}`] : []),
    ...(options.model ? [`--model ${options.model}`] : []),
    `--max-probes ${options.maxProbes}`,
  ].join(' ');
