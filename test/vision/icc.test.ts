import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decode } from '../../src/vision/decode.ts';
import { isSrgb } from '../../src/vision/icc.ts';
import { samplePhoto } from './support.ts';

/** The profile that a picture carries. */
const profileOf = async (picture: Uint8Array): Promise<Buffer> => (await sharp(picture).metadata()).icc!;

/** A small piece of sample 1 with one of the profiles that libvips brings along. */
const withProfile = async (name: string): Promise<Buffer> =>
  sharp(await samplePhoto(1))
    .resize(200)
    .withIccProfile(name)
    .jpeg({ quality: 95 })
    .toBuffer();

describe('a colour profile', () => {
  it('of sRGB is known as such, by what it says and not by its name', async () => {
    const photo = await profileOf(await samplePhoto(1));
    expect(isSrgb(photo)).toBe(true);
    expect(isSrgb(await profileOf(await withProfile('srgb')))).toBe(true);
    const unnamed = Buffer.from(photo.toString('latin1').replaceAll('sRGB', 'xxxx'), 'latin1');
    expect(isSrgb(unnamed)).toBe(true);
  });

  it('of anything else is not', async () => {
    expect(isSrgb(await profileOf(await withProfile('p3')))).toBe(false);
    const cmyk = await sharp(await samplePhoto(1))
      .resize(200)
      .withIccProfile('cmyk')
      .jpeg()
      .toBuffer();
    expect(isSrgb(await profileOf(cmyk))).toBe(false);
  });

  it('that is cut short anywhere, or says nonsense, is not, and breaks nothing', async () => {
    const photo = await profileOf(await samplePhoto(1));
    for (let length = 0; length < 700; length += 7) expect(isSrgb(photo.subarray(0, length))).toBe(false);
    expect(isSrgb(Buffer.alloc(3000, 255))).toBe(false);
  });

  it('of sRGB changes no pixel, so that it need not be heeded', async () => {
    const photo = await samplePhoto(1);
    const { picture } = await decode(photo);
    const converted = await sharp(photo).autoOrient().resize(1280, 1280, { fit: 'inside' }).raw().toBuffer();
    expect(Buffer.compare(Buffer.from(picture.data), converted)).toBe(0);
  });

  it('of other colours is heeded', async () => {
    const wide = await withProfile('p3');
    const { picture } = await decode(wide);
    const converted = await sharp(wide).toColourspace('srgb').raw().toBuffer();
    const raw = await sharp(wide, { ignoreIcc: true }).raw().toBuffer();
    expect(Buffer.compare(Buffer.from(picture.data), converted)).toBe(0);
    expect(Buffer.compare(converted, raw)).not.toBe(0);
  });
});
