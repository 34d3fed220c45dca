import type { Normalisation, Pixels } from './types.ts';

/** Writes a picture as planes (CHW) into `target` at `offset`, normalised and in the given channel order. */
export const writePlanes = (
  pixels: Pixels,
  { channels, mean, std }: Normalisation,
  target: Float32Array,
  offset = 0,
): void => {
  const { data } = pixels;
  const count = pixels.width * pixels.height;
  for (let channel = 0; channel < 3; channel++) {
    const factor = 1 / std[channel]!;
    const shift = -mean[channel]! * factor;
    let from = channels === 'bgr' ? 2 - channel : channel;
    const start = offset + channel * count;
    for (let to = start; to < start + count; to++, from += 3) target[to] = data[from]! * factor + shift;
  }
};

/** The luma of each pixel (Rec. 601), 0..255, not rounded. */
export const luma = (pixels: Pixels): Float32Array => {
  const { data } = pixels;
  const gray = new Float32Array(pixels.width * pixels.height);
  for (let i = 0, j = 0; i < gray.length; i++, j += 3) {
    gray[i] = 0.299 * data[j]! + 0.587 * data[j + 1]! + 0.114 * data[j + 2]!;
  }
  return gray;
};
