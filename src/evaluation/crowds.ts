import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readLabelledFolder } from '../calibration/labelled-folder.ts';
import type { Config } from '../config.ts';
import { WatchpostError } from '../errors.ts';
import {
  type Box,
  type Detector,
  detectFaces,
  type FaceRange,
  faceRanges,
  iou,
  scaled,
  type Vision,
} from '../vision/index.ts';
import { type CrowdPhoto, cutFaces, makeCrowds } from './crowd-photos.ts';

/** Results for faces of one height with one setting of a camera. */
export interface CrowdFigures {
  readonly detector: string;
  /** As `camera.faces`. */
  readonly range: FaceRange;
  /** Height of every face, in pixels of the frame. */
  readonly height: number;
  readonly frames: number;
  readonly faces: number;
  /** Of these: found; and found with a box high enough to alert (`heightPx` of the gate). */
  readonly found: number;
  readonly large_enough: number;
  /** found / faces. */
  readonly recall: number;
  /** Boxes where there is no face, or a second one of the same face. */
  readonly false_faces: number;
  /** CPU of a frame: decoding and detection, without what is done with each face. The lower quartile. */
  readonly cpu_ms: number;
}

/** What {@link evaluateCrowds} uses. */
interface CrowdTools {
  readonly config: Config;
  /** The detector that is measured. */
  readonly detector: Detector;
  /** With the installed detector, which finds the faces of the labelled photos. */
  readonly vision: Vision;
}

/** Options of {@link evaluateCrowds}. */
interface CrowdOptions {
  /** Of the faces, in pixels of the frame. */
  readonly heights: readonly number[];
  readonly frame: { readonly width: number; readonly height: number };
  readonly ranges?: readonly FaceRange[];
  /** Called after each frame: the setting, the frames measured with it so far, and all its frames. */
  readonly onProgress?: (what: string, ended: number, of: number) => void;
}

/**
 * Makes crowds of the faces in labelled folders (each photo that holds one face) and counts how many are found, by their
 * height. Backdrops are the photos without faces in `groups.csv`, or coloured noise if there are none.
 *
 * The faces are those that the installed detector finds in the photos: what it never finds does not count as missed.
 *
 * @throws {WatchpostError} folder_invalid, also where no photo holds exactly one face as high as the largest asked for.
 */
export const evaluateCrowds = async (
  { config, detector, vision }: CrowdTools,
  paths: readonly string[],
  { heights, frame, ranges = faceRanges, onProgress = () => {} }: CrowdOptions,
): Promise<CrowdFigures[]> => {
  const folders = [];
  for (const path of paths) folders.push(await readLabelledFolder(path, { maxPixels: config.maxPixels }));

  const cuts = [];
  for (const folder of folders) cuts.push(...(await cutFaces(folder, vision, Math.max(...heights))));
  if (cuts.length === 0) {
    throw new WatchpostError(
      'folder_invalid',
      `No photo in ${paths.join(', ')} holds exactly one face of ${Math.max(...heights)} pixels or more.`,
    );
  }
  const empty = folders.flatMap((folder) =>
    folder.groups.filter(({ faces }) => faces === 0).map(({ file }) => join(folder.path, file)),
  );
  const backdrops = await Promise.all(empty.map((file) => readFile(file)));

  const figures: CrowdFigures[] = [];
  for (const height of heights) {
    const crowds = await makeCrowds(cuts, height, frame, backdrops);
    for (const range of ranges) {
      const measured = (frames: number) => onProgress(`${height} px, ${range}`, frames, crowds.length);
      figures.push(await measureRange(detector, vision.limits.heightPx, range, height, crowds, measured));
    }
  }
  return figures;
};

/** Detects the faces of all crowds with one setting of a camera. */
const measureRange = async (
  detector: Detector,
  usableHeight: number,
  range: FaceRange,
  height: number,
  crowds: readonly CrowdPhoto[],
  onFrame: (ended: number) => void,
): Promise<CrowdFigures> => {
  let [found, largeEnough, falseFaces] = [0, 0, 0];
  const times: number[] = [];
  for (const { bytes, faces } of crowds) {
    const begun = process.cpuUsage();
    const { detections, scale } = await detectFaces(bytes, detector, range);
    const { user, system } = process.cpuUsage(begun);
    times.push((user + system) / 1000);
    const matched = boxesOnFaces(
      detections.map(({ box }) => scaled(box, scale)),
      faces,
    );
    found += matched.length;
    largeEnough += matched.filter((box) => box.height >= usableHeight * scale).length;
    falseFaces += detections.length - matched.length;
    onFrame(times.length);
  }
  const faces = crowds.reduce((sum, crowd) => sum + crowd.faces.length, 0);
  return {
    detector: detector.id,
    range,
    height,
    frames: crowds.length,
    faces,
    found,
    large_enough: largeEnough,
    recall: found / faces,
    false_faces: falseFaces,
    // A quartile: the median doubles beside other programs, and the last frame may have few faces.
    cpu_ms: times.sort((a, b) => a - b)[times.length >> 2] as number,
  };
};

/** The boxes that are a face, at most one for each face. */
const boxesOnFaces = (boxes: readonly Box[], faces: readonly Box[]): Box[] => {
  const free = new Set(boxes);
  return faces.flatMap((face) => {
    const best = [...free].sort((a, b) => iou(b, face) - iou(a, face))[0];
    if (!best || iou(best, face) < foundOverlap) return [];
    free.delete(best);
    return [best];
  });
};

/** IoU from which a box counts as the face: detectors differ in how much forehead and chin they include. */
const foundOverlap = 0.35;
