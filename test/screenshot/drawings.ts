import sharp from 'sharp';

/** A rectangle in pixels. */
interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A person whose face is in this box: hair, head, neck and shoulders, without features. */
const figure = ({ x, y, width: w, height: h }: Box, dress: string): string => {
  const [cx, cy] = [x + w / 2, y + h / 2];
  return `
    <ellipse cx="${cx}" cy="${cy - 0.12 * h}" rx="${0.62 * w}" ry="${0.68 * h}" fill="#4b4038"/>
    <rect x="${cx - 0.22 * w}" y="${cy + 0.3 * h}" width="${0.44 * w}" height="${0.7 * h}" fill="#d8b59c"/>
    <rect x="${cx - 1.15 * w}" y="${cy + 0.82 * h}" width="${2.3 * w}" height="${9 * h}" rx="${0.8 * w}" fill="${dress}"/>
    <ellipse cx="${cx}" cy="${cy + 0.04 * h}" rx="${0.47 * w}" ry="${0.56 * h}" fill="#e8c9b1"/>`;
};

const draw = (width: number, height: number, figures: string): Promise<Buffer> =>
  sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
      <rect width="100%" height="100%" fill="#cfd8dc"/>
      <rect y="${0.78 * height}" width="100%" height="100%" fill="#b0bec5"/>
      ${figures}
    </svg>`),
  )
    .jpeg()
    .toBuffer();

const [ofHit, ...ofOthers] = ['#c2703d', '#5b7c99', '#6d8a6a', '#8a7597', '#7d8790'];

/**
 * A drawing in place of a photo: figures where its faces are.
 *
 * @param hit the face that is drawn like that of `drawCrop`.
 * @returns JPEG.
 */
export const drawPhoto = (
  photo: { width: number; height: number; faces: readonly { id: string; box: Box }[] },
  hit: string,
): Promise<Buffer> =>
  draw(
    photo.width,
    photo.height,
    photo.faces
      .map(({ id, box }, n) => figure(box, id === hit ? ofHit! : ofOthers[n % ofOthers.length]!))
      .join(''),
  );

/** A drawing in place of the crop of a face. */
export const drawCrop = (): Promise<Buffer> =>
  draw(224, 224, figure({ x: 62, y: 48, width: 100, height: 124 }, ofHit!));
