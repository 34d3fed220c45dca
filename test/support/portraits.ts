import sharp from 'sharp';
import type { Vision } from '../../src/vision/index.ts';
import { sample } from './photos.ts';

/**
 * One face of a sample photo, cut out with a margin of a third, so that it stands alone.
 *
 * @param face counted from 1, left to right.
 */
export const portrait = async (
  vision: Vision,
  photo: Parameters<typeof sample>[0],
  face: number,
): Promise<Buffer> => {
  const { faces, width, height } = await vision.findFaces(sample(photo));
  const { box } = faces[face - 1]!;
  const margin = 0.33;
  const left = Math.max(0, Math.round(box.x - margin * box.width));
  const top = Math.max(0, Math.round(box.y - margin * box.height));
  return sharp(sample(photo))
    .extract({
      left,
      top,
      width: Math.min(width - left, Math.round(box.width * (1 + 2 * margin))),
      height: Math.min(height - top, Math.round(box.height * (1 + 2 * margin))),
    })
    .jpeg({ quality: 95 })
    .toBuffer();
};
