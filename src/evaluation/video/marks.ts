import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { WatchpostError } from '../../errors.ts';
import type { Box } from '../../vision/index.ts';

/** One passage of a person before the camera, as it was marked by eye. */
export interface Passage {
  /** Who it is; null: nobody whose photos there are. */
  readonly name: string | null;
  /** Seconds from the first frame. */
  readonly from: number;
  readonly to: number;
  /** Where the face is at some times: seconds, then x, y, width, height in pixels. Between them it is in between. */
  readonly boxes: readonly (readonly [number, number, number, number, number])[];
}

/** A video with its passages. */
export interface MarkedVideo {
  /** The photos of each person who can be named: paths in the labelled folder, or the beginnings of some. */
  readonly people: Readonly<Record<string, readonly string[]>>;
  readonly passages: readonly Passage[];
}

const file = z.object({
  clip: z.string(),
  sha256: z.string(),
  people: z.record(z.string(), z.array(z.string())),
  passages: z.array(
    z.object({
      shot: z.int(),
      from: z.number(),
      to: z.number(),
      name: z.string().nullable(),
      boxes: z.array(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()])).min(1),
    }),
  ),
});

const folder = new URL('./marks/', import.meta.url);

/**
 * The marks of a video, which are found by what the video is and not by its name.
 *
 * @throws {WatchpostError} folder_invalid: nobody has marked this video.
 */
export const readMarks = async (path: string): Promise<MarkedVideo> => {
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  const known = [];
  for (const name of await readdir(folder)) {
    const marks = file.parse(JSON.parse(await readFile(new URL(name, folder), 'utf8')));
    if (marks.sha256 === sha256) return marks;
    known.push(marks.clip);
  }
  throw new WatchpostError('folder_invalid', `Nobody has marked the passages in ${path}.`, {
    hint: `Marked are: ${known.join(', ')}.`,
  });
};

/** Where the face of a passage is at a time, in seconds. */
export const boxAt = ({ boxes }: Passage, seconds: number): Box => {
  const after = boxes.findIndex(([at]) => at >= seconds);
  const next = boxes[after === -1 ? boxes.length - 1 : after] as Passage['boxes'][number];
  const last = boxes[
    after <= 0 ? (after === 0 ? 0 : boxes.length - 1) : after - 1
  ] as Passage['boxes'][number];
  const share = next[0] > last[0] ? (seconds - last[0]) / (next[0] - last[0]) : 0;
  const [x, y, width, height] = [1, 2, 3, 4].map(
    (at) => (last[at] as number) + share * ((next[at] as number) - (last[at] as number)),
  ) as [number, number, number, number];
  return { x, y, width, height };
};
