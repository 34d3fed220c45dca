import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { isSrgb } from '../../src/vision/colour-profile.ts';
import { decode } from '../../src/vision/decode.ts';
import { samplePhoto } from './support.ts';

const profileOf = async (photo: Uint8Array): Promise<Uint8Array> => (await sharp(photo).metadata()).icc!;

const withProfile = async (profile: string): Promise<Buffer> =>
  sharp(await samplePhoto(1))
    .resize(480)
    .withIccProfile(profile)
    .jpeg({ quality: 95 })
    .toBuffer();

const largestDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);

describe('a colour profile', () => {
  test('is sRGB by its primaries and curves, in the variants of different programs', async () => {
    expect(isSrgb(await profileOf(await samplePhoto(1)))).toBe(true);
    expect(isSrgb(await profileOf(await withProfile('srgb')))).toBe(true);
  });

  test('of a wider gamut is not, whatever its name', async () => {
    const wide = await profileOf(await withProfile('p3'));
    expect(isSrgb(wide)).toBe(false);
    const renamed = Buffer.from(wide);
    renamed.write('sRGB', renamed.length - 4, 'latin1');
    expect(isSrgb(renamed)).toBe(false);
  });

  test('that is truncated anywhere, or not a profile, is not', async () => {
    const profile = await profileOf(await samplePhoto(1));
    for (const length of [0, 3, 127, 131, 140, 200, 300]) {
      expect(isSrgb(profile.subarray(0, length)), `${length} bytes`).toBe(false);
    }
    expect(isSrgb(new Uint8Array(4096).fill(255))).toBe(false);
  });

  test('of sRGB changes the decoded picture by no more than rounding', async () => {
    const photo = await samplePhoto(1);
    const { picture } = await decode(photo);
    const converted = await sharp(photo).resize(1280, 1280, { fit: 'inside' }).raw().toBuffer();
    expect(largestDifference(picture.data, converted)).toBeLessThanOrEqual(2);
  });

  test('of a wider gamut is still converted', async () => {
    const photo = await withProfile('p3');
    const { picture } = await decode(photo);
    expect(largestDifference(picture.data, await sharp(photo).raw().toBuffer())).toBeLessThanOrEqual(2);
    const unconverted = await sharp(photo, { ignoreIcc: true }).raw().toBuffer();
    expect(largestDifference(picture.data, unconverted)).toBeGreaterThan(10);
  });
});
