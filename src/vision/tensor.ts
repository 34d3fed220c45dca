import type { Normalisation, Pixels } from './types.ts';

/** Writes a picture as planes (CHW) into `target` at `offset`, normalised and in the declared order. */
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

/** Luma of each pixel (Rec. 601), 0..255, not rounded. */
export const luma = (pixels: Pixels): Float32Array => {
  const { data } = pixels;
  const gray = new Float32Array(pixels.width * pixels.height);
  for (let i = 0, j = 0; i < gray.length; i++, j += 3) {
    gray[i] = 0.299 * data[j]! + 0.587 * data[j + 1]! + 0.114 * data[j + 2]!;
  }
  return gray;
};

/**
 * Gives the memory of an array back at once; it is empty then. The garbage collector counts such memory and marks all of
 * the heap anew after some of it: at 11 MB a photo after every third one, a tenth of all that a photo costs.
 */
export const letGo = ({ buffer, byteLength }: Uint8Array | Float32Array): void => {
  // Of a buffer that is shared only the owner knows when nobody needs it.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
};
