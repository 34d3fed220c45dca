import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type LabelledFolder, readLabelledFolder } from '../../calibration/labelled-folder.ts';
import type { Database } from '../../database/pool.ts';
import { submitPhoto, untilEnded } from '../../intake/index.ts';
import { publicOnly } from '../../outgoing/index.ts';
import { videoFile } from '../../sources/index.ts';
import { addPerson, addPersonPhoto, addWatchlist } from '../../watchlist/registry.ts';
import { type EvaluationTools, startProduct } from '../product.ts';
import { addVideoFigures, countFilm, type Film, type VideoFigures } from './figures.ts';
import { type MarkedVideo, type Passage, readMarks } from './marks.ts';
import { findActors, makeScenes } from './scenes.ts';

/** What was counted in the films of one kind. */
interface VideoRow extends VideoFigures {
  readonly film: string;
  /** People who were enrolled then. */
  readonly enrolled: number;
  readonly films: number;
}

/** The results of {@link evaluateVideo}. */
export interface VideoEvaluation {
  readonly rows: readonly VideoRow[];
  readonly threshold: number;
  readonly model: string;
  readonly seconds: number;
  readonly kept: readonly string[];
}

interface Options {
  /** A video whose passages are marked; none: only composed ones. */
  readonly clip?: string | undefined;
  /** Further labelled folders, whose people are enrolled too. */
  readonly others: readonly string[];
  readonly keep: boolean;
  readonly onProgress: (step: string, done: number, of: number) => void;
}

/** Frames a second, of the cameras too. */
const rate = 10;
/** Seconds by which a clip is begun later: other frames of it are seen. */
const shifts = [0, 1 / 30, 2 / 30];
/** People in composed scenes, of each folder. */
const actorsOfFolder = 4;

/**
 * Runs the whole product on video: a marked clip, seen by a camera at ten frames a second from several moments on, with the
 * people who are in it enrolled; then again with everybody else of the labelled folders enrolled, and scenes that are
 * composed of their photos.
 *
 * @throws {WatchpostError} folder_invalid. @throws {SourceError} without ffmpeg.
 */
export const evaluateVideo = async (
  tools: EvaluationTools,
  path: string,
  options: Options,
): Promise<VideoEvaluation> => {
  const begun = performance.now();
  const { config, vision } = tools;
  const folders: LabelledFolder[] = [];
  for (const one of [path, ...options.others])
    folders.push(await readLabelledFolder(one, { maxPixels: config.maxPixels }));
  const marked = options.clip === undefined ? undefined : await readMarks(options.clip);
  const clip = options.clip === undefined ? [] : await framesOf(resolve(options.clip));

  const { database, opens, own } = await startProduct(tools, options);
  const set = await openSet(database, options.onProgress);

  const rows: VideoRow[] = [];
  const run = async (kind: string, films: AsyncIterable<Shown> | Iterable<Shown>) => {
    const found = new Map<string, VideoFigures[]>();
    for await (const shown of films) {
      const figures = await countFilm(database, await set.show(shown));
      const film = `${kind}${shown.kind}`;
      found.set(film, [...(found.get(film) ?? []), figures]);
    }
    for (const [film, all] of found)
      rows.push({ film, enrolled: set.enrolled, films: all.length, ...all.reduce(addVideoFigures) });
  };

  if (marked) {
    for (const [name, photos] of Object.entries(photosOf(marked, folders[0] as LabelledFolder)))
      await set.enrol(name, photos);
    await run('clip', shown(clip, marked));
  }
  const taken = new Set(marked ? Object.values(photosOf(marked, folders[0] as LabelledFolder)).flat() : []);
  const left = folders.map((folder) => ({
    ...folder,
    people: folder.people.filter(
      ({ photos }) => !photos.some((photo) => taken.has(join(folder.path, photo))),
    ),
  }));
  const actors = [];
  for (const folder of left) actors.push(...(await findActors(folder, vision, actorsOfFolder)));
  for (const { path, people } of left) {
    for (const { name, photos } of people) {
      const seen = actors.find((actor) => actor.name === name)?.files ?? [];
      const files = photos.filter((photo) => !seen.includes(photo)).map((photo) => join(path, photo));
      await set.enrol(name, files);
    }
  }
  if (marked) await run('clip, everybody enrolled', shown(clip, marked));
  await run('', makeScenes(actors));
  await own.stop();
  return {
    rows,
    threshold: set.threshold,
    model: vision.embedder.id,
    seconds: Math.round((performance.now() - begun) / 100) / 10,
    kept: options.keep ? [opens] : [],
  };
};

/** A film before it is shown. */
interface Shown {
  readonly kind: string;
  readonly frames: readonly Buffer[];
  readonly passages: readonly Passage[];
}

/** The clip from each moment on. Marks count from its first frame, so they are earlier in a film that begins later. */
const shown = (clip: readonly TimedFrame[], { passages }: MarkedVideo): Shown[] =>
  shifts.map((shift) => ({
    kind: '',
    frames: Array.from({ length: Math.ceil(((clip.at(-1)?.seconds ?? 0) - shift) * rate) }, (_, n) =>
      clip.find(({ seconds }) => seconds >= shift + n / rate - 0.001),
    ).flatMap((frame) => (frame ? [frame.jpeg] : [])),
    passages: passages.map((passage) => ({
      ...passage,
      from: passage.from - shift,
      to: passage.to - shift,
      boxes: passage.boxes.map(([at, ...box]) => [at - shift, ...box] as const),
    })),
  }));

interface TimedFrame {
  readonly seconds: number;
  readonly jpeg: Buffer;
}

/** All frames of a video, with seconds from the first one. */
const framesOf = async (path: string): Promise<TimedFrame[]> => {
  const frames: TimedFrame[] = [];
  let first: number | undefined;
  const settings = {
    rate: 60,
    region: null,
    frameWidth: null,
    userinfo: null,
    position: null,
    camera: undefined,
  };
  const begins = new Date(0);
  const tools = { outgoing: publicOnly, signal: new AbortController().signal };
  for await (const { bytes, capturedAt } of videoFile(path, begins).frames(settings, tools)) {
    first ??= capturedAt.getTime();
    frames.push({ seconds: (capturedAt.getTime() - first) / 1000, jpeg: bytes });
  }
  return frames;
};

/** The photos of those who are in a marked video: paths. */
const photosOf = ({ people }: MarkedVideo, folder: LabelledFolder): Record<string, string[]> => {
  const all = [...folder.people.flatMap(({ photos }) => photos), ...folder.strangers];
  return Object.fromEntries(
    Object.entries(people).map(([name, beginnings]) => [
      name,
      all
        .filter((file) => beginnings.some((beginning) => file.startsWith(beginning)))
        .map((file) => join(folder.path, file)),
    ]),
  );
};

/** The cameras and people of an evaluation. */
const openSet = async (database: Database, onProgress: Options['onProgress']) => {
  const list = await addWatchlist(database.db, { name: 'everybody', purpose: 'evaluation' });
  const enrolled = new Set<string>();
  let cameras = 0;
  return {
    threshold: list.threshold,
    get enrolled() {
      return enrolled.size;
    },
    /** Enrols somebody and waits for it; nobody, if all photos are refused. */
    async enrol(name: string, files: readonly string[]): Promise<void> {
      const { id } = await addPerson(database.db, { name, external_ref: name, watchlists: [list.id] });
      const images = [];
      for (const file of files) {
        const bytes = await readFile(file);
        images.push((await addPersonPhoto(database, { personId: id, bytes })).image_id);
      }
      for (const image of images) await untilEnded(database, image);
      enrolled.add(name);
      onProgress('enrolling', enrolled.size, enrolled.size);
    },
    /** Shows a film to a camera of its own, ten minutes after the one before, and waits until all of it is processed. */
    async show({ kind, frames, passages }: Shown): Promise<Film> {
      const camera = `film ${cameras++}`;
      await database.pool.query(
        `insert into watchpost.camera (name, location, frames_per_second, rotation) values ($1, 'A film', $2, 0)`,
        [camera, rate],
      );
      const begins = new Date(Date.now() - 86_400_000 + cameras * 600_000);
      const images: string[] = [];
      for (const [n, bytes] of frames.entries()) {
        const capturedAt = new Date(begins.getTime() + (1000 * n) / rate);
        images.push((await submitPhoto(database, { bytes, camera, capturedAt })).id);
      }
      for (const [n, image] of images.entries()) {
        await untilEnded(database, image);
        onProgress(`${camera}: ${kind || 'clip'}`, n + 1, images.length);
      }
      const known = passages.flatMap(({ name }) => (name !== null && enrolled.has(name) ? [name] : []));
      return { kind: kind || 'clip', camera, begins, frames: frames.length, passages, known };
    },
  };
};
