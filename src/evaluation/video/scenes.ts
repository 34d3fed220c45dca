import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { LabelledFolder } from '../../calibration/labelled-folder.ts';
import type { Vision } from '../../vision/index.ts';
import { type CutFace, cutFace } from '../crowd-photos.ts';
import type { Passage } from './marks.ts';

/** Videos composed of labelled photos: faces that move before an even backdrop. Each is 4 s at 10 frames a second. */

/** Somebody who plays in scenes, with photos that do not enrol them. */
interface Actor {
  readonly name: string;
  readonly views: readonly CutFace[];
  /** Files of the views, in their folder. */
  readonly files: readonly string[];
}

/** A composed video. */
interface Scene {
  readonly kind: string;
  /** JPEGs, 0.1 s apart. */
  readonly frames: readonly Buffer[];
  readonly passages: readonly Passage[];
}

const frame = { width: 960, height: 540 };
const frameCount = 40;
const viewsOfActor = 3;
/** Least height of a face in a photo. */
const leastHeight = 60;

/**
 * The first people of a folder of whom there are enough photos: those with one good face, besides two that enrol them.
 *
 * @param most so many people.
 */
export const findActors = async (
  folder: LabelledFolder,
  vision: Pick<Vision, 'findFaces'>,
  most: number,
): Promise<Actor[]> => {
  const actors: Actor[] = [];
  for (const { name, photos } of folder.people) {
    const [views, files]: [CutFace[], string[]] = [[], []];
    for (const file of photos.slice(2)) {
      const bytes = await readFile(join(folder.path, file));
      const { faces, width, height } = await vision.findFaces(bytes);
      const [face] = faces;
      if (!face || faces.length > 1 || face.gate.length > 0 || face.box.height < leastHeight) continue;
      views.push(await cutFace(bytes, face.box, { width, height }));
      files.push(file);
      if (views.length === viewsOfActor) break;
    }
    if (views.length === viewsOfActor) actors.push({ name, views, files });
    if (actors.length === most) break;
  }
  return actors;
};

/** Where an actor is in a frame: the centre of the face and its height in pixels, and how blurred; null: not there. */
type Position = {
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly blur?: number;
} | null;
/** Positions of the actors by time, 0 to 1. */
type Play = readonly ((time: number) => Position)[];

const sway = (time: number) => 15 * Math.sin(time * 20);

/** By what is hard about them. */
const plays: Readonly<Record<string, Play>> = {
  'walks past': [(t) => ({ x: 150 + 660 * t, y: 270 + sway(t), height: 110, blur: 1 })],
  'comes nearer': [(t) => ({ x: 480 + sway(t), y: 270, height: 50 + 150 * t, blur: 2.5 * (1 - t) })],
  'blurred on the way': [
    (t) => ({ x: 150 + 660 * t, y: 270, height: 90, blur: t > 0.35 && t < 0.65 ? 5 : 0.5 }),
  ],
  'two cross': [
    (t) => ({ x: 150 + 660 * t, y: 280, height: 110 }),
    (t) => ({ x: 810 - 660 * t, y: 260, height: 110 }),
  ],
  'one after the other': [
    (t) => (t < 0.42 ? { x: 480 + sway(t), y: 270, height: 120 } : null),
    (t) => (t > 0.5 ? { x: 480 + sway(t), y: 270, height: 120 } : null),
  ],
  'side by side': [
    (t) => ({ x: 400 + sway(t), y: 270, height: 110 }),
    (t) => ({ x: 540 - sway(t), y: 270, height: 110 }),
  ],
};

/** Composes each kind of scene with each two actors that follow each other. */
export async function* makeScenes(actors: readonly Actor[]): AsyncGenerator<Scene> {
  for (const [kind, play] of Object.entries(plays)) {
    for (let at = 0; at + 1 < actors.length; at += 2) {
      yield await compose(kind, play, [actors[at] as Actor, actors[at + 1] as Actor]);
    }
  }
}

const compose = async (kind: string, play: Play, actors: readonly Actor[]): Promise<Scene> => {
  const frames: Buffer[] = [];
  const boxes: [number, number, number, number, number][][] = play.map(() => []);
  for (let n = 0; n < frameCount; n++) {
    const layers = [];
    for (const [index, positionAt] of play.entries()) {
      const position = positionAt(n / frameCount);
      if (!position) continue;
      // Another photo each second: harder than a head that turns.
      const view = (actors[index] as Actor).views[Math.floor(n / 10) % viewsOfActor] as CutFace;
      const { layer, box } = await place(view, position);
      layers.push(layer);
      boxes[index]?.push([n / 10, box.x, box.y, box.width, box.height]);
    }
    frames.push(
      await sharp({ create: { ...frame, channels: 3, background: '#5a5c58' } })
        .composite(layers)
        .jpeg({ quality: 80 })
        .toBuffer(),
    );
  }
  const passages = boxes.map((ofActor, index) => ({
    name: (actors[index] as Actor).name,
    from: ofActor[0]?.[0] ?? 0,
    to: ofActor.at(-1)?.[0] ?? 0,
    boxes: ofActor,
  }));
  return { kind, frames, passages };
};

/** A view, scaled and blurred, with the centre of its face at a position. */
const place = async ({ image, box }: CutFace, { x, y, height, blur = 0 }: NonNullable<Position>) => {
  const scale = height / box.height;
  const { width: w, height: h } = await sharp(image).metadata();
  const scaled = sharp(image).resize(Math.round(w * scale), Math.round(h * scale), { fit: 'fill' });
  const input = await (blur > 0.3 ? scaled.blur(blur) : scaled).png({ compressionLevel: 1 }).toBuffer();
  const left = Math.round(x - (box.x + box.width / 2) * scale);
  const top = Math.round(y - (box.y + box.height / 2) * scale);
  return {
    layer: { input, left, top },
    box: { x: left + box.x * scale, y: top + box.y * scale, width: box.width * scale, height },
  };
};
