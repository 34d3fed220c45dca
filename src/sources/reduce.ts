import sharp from 'sharp';
import type { Region, SourceSettings } from './source.ts';

type Wanted = Pick<SourceSettings, 'region' | 'frameWidth'>;

/** What ffmpeg does to each frame: the region is cut out, and what is wider than it may be reduced. */
export const filtersOf = ({ region, frameWidth }: Wanted): string[] => [
  ...(region ? [`crop=iw*${region.width}:ih*${region.height}:iw*${region.x}:ih*${region.y}`] : []),
  ...(frameWidth === null ? [] : [`scale='min(iw,${frameWidth})':-2`]),
];

/** The same for a picture that came as a file. One of which the whole is taken stays as it is, to the last byte. */
export const reduced = async (bytes: Buffer, { region, frameWidth }: Wanted): Promise<Buffer> => {
  if (!region && frameWidth === null) return bytes;
  const picture = sharp(bytes, { failOn: 'none' }).autoOrient();
  const { autoOrient } = await picture.metadata();
  if (!region && autoOrient.width <= (frameWidth ?? Number.POSITIVE_INFINITY)) return bytes;
  if (region) picture.extract(boxOf(region, autoOrient));
  if (frameWidth !== null) picture.resize({ width: frameWidth, withoutEnlargement: true });
  return picture.jpeg({ quality: 90 }).toBuffer();
};

const boxOf = (region: Region, { width, height }: { width: number; height: number }) => {
  const left = Math.min(width - 1, Math.round(region.x * width));
  const top = Math.min(height - 1, Math.round(region.y * height));
  return {
    left,
    top,
    width: Math.max(1, Math.min(width - left, Math.round(region.width * width))),
    height: Math.max(1, Math.min(height - top, Math.round(region.height * height))),
  };
};
