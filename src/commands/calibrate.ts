import { readdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  type Calibration,
  type CurvePoint,
  type Recommendation,
  readCurve,
  recommend,
  strangersNeeded,
} from '../calibration/calibration.ts';
import {
  findLabelledFaces,
  type LabelledFace,
  type LabelledPhoto,
  type LeftOut,
} from '../calibration/faces.ts';
import { readLabelledFolder } from '../calibration/labelled-folder.ts';
import { measure } from '../calibration/measure.ts';
import { percent, plot } from '../calibration/plot.ts';
import { type Config, visionOptions } from '../config.ts';
import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { registerModels } from '../runner/registration.ts';
import { loadVision } from '../vision/index.ts';
import { table } from './sql.ts';
import type { Stopper } from './stop.ts';

/** What `watchpost calibrate` was told. */
export interface CalibrateOptions {
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

/** `watchpost calibrate`: measures, stores the curve, tells it, and recommends a threshold. */
export const calibrate = async (
  config: Config,
  database: Database,
  stopper: Stopper,
  options: CalibrateOptions,
): Promise<boolean> => {
  if (options.folder.length > 0 && (options.strangersSince || options.model)) {
    throw new CommandError(
      '--strangers-since and --model are for what is enrolled; with --folder, faces come from the folders and the installed model.',
    );
  }
  const shownId = typeof options.show === 'string' ? options.show : undefined;
  const measured = options.show
    ? { id: shownId, leftOut: [] }
    : await measureAsTold(config, database, stopper, options);
  const { calibration, points } = await readCurve(database, measured.id);
  const recommended = await recommend(database, calibration.id, options.targetFpir);
  if (options.svg) await writeFile(options.svg, plot(calibration, points, recommended));

  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ ...calibration, recommended, strangers_needed: strangersNeeded(options.targetFpir), left_out: measured.leftOut, points })}\n`,
    );
    return true;
  }
  process.stdout.write(
    `${tell(calibration, points, recommended, options.targetFpir, measured.leftOut)}${options.svg ? `\nPlot: ${options.svg}` : ''}\n`,
  );
  return true;
};

const measureAsTold = async (
  config: Config,
  database: Database,
  stopper: Stopper,
  options: CalibrateOptions,
): Promise<{ id: string; leftOut: readonly LeftOut[] }> => {
  const photos = await labelledPhotos(options, config.maxPixels);
  const { faces, leftOut, model } =
    photos.length > 0
      ? await facesOf(config, database, stopper, photos)
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

/** People of several folders are told apart by the folder's name; a folder of strangers may be any depth of two. */
const labelledPhotos = async (options: CalibrateOptions, maxPixels: number): Promise<LabelledPhoto[]> => {
  const photos: LabelledPhoto[] = [];
  for (const path of options.folder) {
    const folder = await readLabelledFolder(path, { maxPixels });
    for (const { name, photos: files } of folder.people)
      photos.push(...files.map((file) => ({ file: join(path, file), person: `${resolve(path)}/${name}` })));
    photos.push(...folder.strangers.map((file) => ({ file: join(path, file), person: null })));
  }
  for (const path of options.strangers) {
    const files = await readdir(path, { recursive: true }).catch((error) => {
      throw new CommandError(`--strangers: ${path} can not be read: ${error.message}.`);
    });
    const pictures = files.filter((file) => /\.(jpe?g|png|webp)$/i.test(file)).sort();
    if (pictures.length === 0) throw new CommandError(`--strangers: there is no photo in ${path}.`);
    photos.push(...pictures.map((file) => ({ file: join(path, file), person: null })));
  }
  return photos;
};

const facesOf = async (
  config: Config,
  database: Database,
  stopper: Stopper,
  photos: readonly LabelledPhoto[],
): Promise<{ faces: LabelledFace[]; leftOut: LeftOut[]; model: string }> => {
  const vision = await loadVision(visionOptions(config));
  stopper.add(() => vision.close());
  const found = await findLabelledFaces(vision, photos, (done, of) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of} photos${done === of ? '\n' : ''}`);
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

const tell = (
  calibration: Calibration,
  points: readonly CurvePoint[],
  recommended: Recommendation | null,
  target: number,
  leftOut: readonly LeftOut[],
): string => {
  const { source, people, photos, probes, strangers, sampled, model_id, id } = calibration;
  const rows = telling(points, recommended).map((point) => ({
    threshold: Math.round(point.threshold * 1000) / 1000,
    'strangers taken for somebody': point.false_positives,
    FPIR: percent(point.fpir),
    'known people found': point.hits,
    'hit rate': point.hit_rate === null ? '' : percent(point.hit_rate),
    'wrong names': point.wrong_names,
    '': point.threshold === recommended?.threshold ? '<- recommended' : '',
  }));
  return [
    `Measured on ${source}: ${photos} photos of ${people} people, model ${model_id}.`,
    `${probes} of them were searched among the others, and ${strangers} faces among people they are not.${sampled ? ' Not all: a sample (--max-probes).' : ''}`,
    ...leftOut.slice(0, 20).map(({ file, why }) => `left out: ${file}: ${why}`),
    ...(leftOut.length > 20 ? [`left out: ${leftOut.length - 20} more`] : []),
    `\n${table(rows)}\n`,
    advice(recommended, strangers, target),
    `Calibration ${id}.`,
  ].join('\n');
};

const advice = (recommended: Recommendation | null, strangers: number, target: number): string => {
  if (strangers < strangersNeeded(target)) {
    return [
      `No threshold is recommended: an FPIR of ${percent(target)} takes ${strangersNeeded(target)} strangers to tell, and there were ${strangers}. No list follows this curve for such a rate.`,
      `Give more (--strangers DIR, --strangers-since TIME)${strangers > 1 ? `, or ask for what so few can tell: --target-fpir ${Math.ceil(1000 / strangers) / 1000}` : ''}.`,
    ].join('\n');
  }
  if (!recommended) {
    return `No threshold keeps to an FPIR of ${percent(target)}: is somebody enrolled twice, under two names?`;
  }
  const { threshold, false_positives, fpir_at_most } = recommended;
  return [
    `For an FPIR of ${percent(target)} take the threshold ${Math.round(threshold * 1000) / 1000}: ${false_positives} of ${strangers} strangers reached it, so in truth up to ${percent(fpir_at_most)} may (95%).`,
    `To be sure of ${percent(target)}, none of ${Math.ceil(3 / target)} strangers may reach it.`,
  ].join('\n');
};

/** A dozen points from where nearly all strangers pass to where hardly anybody is found, and the recommended one. */
const telling = (points: readonly CurvePoint[], recommended: Recommendation | null): CurvePoint[] => {
  const first = points.find((point) => point.fpir < 0.5)?.threshold ?? 0;
  const last =
    points.findLast((point) => (point.hit_rate ?? point.fpir) > 0.5 || point.fpir > 0)?.threshold ?? 1;
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05].find((one) => (last - first) / one <= 14) ?? 0.1;
  return points.filter(
    ({ threshold }) =>
      threshold === recommended?.threshold ||
      (threshold >= first - step &&
        threshold <= last + step &&
        Math.abs(threshold / step - Math.round(threshold / step)) < 1e-4),
  );
};
