import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { Vision } from '../../src/vision/index.ts';
import { temporaryFolder } from '../commands/support.ts';
import { sample } from '../support/photos.ts';

/** A folder with these files, gone when the test file has ended. */
export const folderOf = async (files: Record<string, Uint8Array | string>): Promise<string> => {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
};

/** One face of a group photo as a portrait; `flop` mirrors it, which makes another photo of the same person. */
export const portrait = async (
  vision: Vision,
  photo: 1 | 2 | 3 | 4 | 5 | 6,
  face: number,
  options: { flop?: boolean } = {},
): Promise<Buffer> => {
  const { faces, width, height } = await vision.findFaces(sample(photo));
  const { box } = faces[face - 1]!;
  // At most half the distance to its neighbours, so that no other face is in it.
  const left = Math.max(0, Math.round(box.x - box.width * 0.4));
  const top = Math.max(0, Math.round(box.y - box.height * 0.4));
  const cut = sharp(sample(photo)).extract({
    left,
    top,
    width: Math.min(width - left, Math.round(box.width * 1.8)),
    height: Math.min(height - top, Math.round(box.height * 1.8)),
  });
  return (options.flop ? cut.flop() : cut).jpeg({ quality: 95 }).toBuffer();
};

/** A photo without faces. */
export const emptyScene = (): Promise<Buffer> =>
  sharp({ create: { width: 320, height: 240, channels: 3, background: '#808080' } })
    .jpeg()
    .toBuffer();
