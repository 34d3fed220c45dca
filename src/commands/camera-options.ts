import { type Command, InvalidArgumentError, Option } from 'commander';
import { type FaceRange, faceRanges, type Rotation, rotations } from '../vision/types.ts';
import type { CameraFields, Region } from '../watchlist/registry.ts';
import { duration, frameRate, pixelsOption, sourceOption } from './program/options.ts';

/** The options of a camera that add and set have in common. */

/** Commander makes an empty text of null: a word says that there is none. */
const orWord =
  <T, Word extends string>(word: Word, parse: (text: string) => T) =>
  (text: string): T | Word =>
    text === word ? word : parse(text);

const regionOption = (text: string): Region => {
  const [x = Number.NaN, y = Number.NaN, width = Number.NaN, height = Number.NaN, ...more] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const fits = x >= 0 && y >= 0 && width > 0 && height > 0 && x + width < 1.0001 && y + height < 1.0001;
  if (more.length > 0 || !fits)
    throw new InvalidArgumentError(
      'Give x,y,width,height as shares of the frame, like 0.25,0,0.5,1, or "whole".',
    );
  return { x, y, width, height };
};

const differenceOption = (text: string): number => {
  const value = Number(text);
  if (value > 0 && value <= 255) return value;
  throw new InvalidArgumentError('Give a number above 0 and up to 255, or "none".');
};

/** What commander makes of them. */
export interface CameraOptions {
  readonly faces?: FaceRange;
  readonly silentAfter?: number | 'never';
  readonly source?: string;
  readonly fps?: number | 'none';
  readonly trackGap?: number;
  readonly stillDifference?: number | 'none';
  readonly rotation?: `${Rotation}` | 'auto';
  readonly frameWidth?: number | 'none';
  readonly region?: Region | 'whole';
}

export const withCameraOptions = (command: Command): Command =>
  command
    .option(
      '--silent-after <duration>',
      'raise an alarm when no photo has come for so long, like 10m; "never" raises none',
      orWord('never', duration),
    )
    .addOption(
      new Option(
        '--faces <range>',
        'how small faces are in its pictures: near (a door), automatic (searched for small faces where there are some), far (a square)',
      ).choices(faceRanges),
    )
    .option(
      '--source <url>',
      'where a worker with --watch takes its frames from; "none": its photos are sent',
      orWord('none', sourceOption),
    )
    .option(
      '--fps <number>',
      'frames that are taken a second; "none": it sends single photos',
      orWord('none', frameRate),
    )
    .option(
      '--track-gap <duration>',
      'faces of one person that are seen again within it are one passage',
      duration,
    )
    .option(
      '--still-difference <number>',
      'up to which difference to an earlier frame one is not searched, above 0 to 255; "none": each is searched',
      orWord('none', differenceOption),
    )
    .addOption(
      new Option('--rotation <degrees>', 'clockwise until its photos are upright').choices([
        'auto',
        ...rotations.map(String),
      ]),
    )
    .option(
      '--frame-width <pixels>',
      'reduce wider frames of the source; "none" leaves them as they are',
      orWord('none', pixelsOption),
    )
    .option(
      '--region <x,y,width,height>',
      'the part of its frames that is taken, as shares of the frame; "whole" takes all of it',
      orWord('whole', regionOption),
    );

/** The fields of a camera that options give; those not given are undefined. */
export const fieldsOf = (options: CameraOptions): CameraFields => {
  const { faces, silentAfter, source, fps, trackGap, stillDifference, rotation, frameWidth, region } =
    options;
  return {
    faces,
    silent_after_seconds: silentAfter === 'never' ? null : silentAfter,
    source: source === 'none' ? null : source,
    frames_per_second: fps === 'none' ? null : fps,
    track_gap_seconds: trackGap,
    still_difference: stillDifference === 'none' ? null : stillDifference,
    rotation:
      rotation === undefined ? undefined : rotation === 'auto' ? null : (Number(rotation) as Rotation),
    frame_width: frameWidth === 'none' ? null : frameWidth,
    region: region === 'whole' ? null : region,
  };
};
