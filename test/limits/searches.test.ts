import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { type Asked, comparePhotos, seePhoto, Turns } from '../../src/search/index.ts';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { portrait } from '../support/portraits.ts';

describe('photos that are searched at the same time', () => {
  it('are searchesAtATime at most; searchesWaiting wait, and further ones are refused', async () => {
    const turns = new Turns();
    const ends: (() => void)[] = [];
    let underWay = 0;
    const search = () =>
      turns.take(async () => {
        underWay += 1;
        await new Promise<void>((resolve) => ends.push(resolve));
        underWay -= 1;
      });
    const most = limits.searchesAtATime.max + limits.searchesWaiting.max;
    const admitted = Array.from({ length: most }, search);
    await expect(search()).rejects.toMatchObject({ code: limits.searchesWaiting.code });
    expect(underWay).toBe(limits.searchesAtATime.max);
    let ended = 0;
    const all = Promise.all(admitted.map((one) => one.then(() => (ended += 1))));
    while (ended < most) {
      expect(underWay).toBeLessThanOrEqual(limits.searchesAtATime.max);
      ends.shift()?.();
      await new Promise(setImmediate);
    }
    await all;
    // All turns are free again, also after a failure.
    await expect(turns.take(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    const again = Array.from({ length: limits.searchesAtATime.max }, search);
    await new Promise(setImmediate);
    expect(underWay).toBe(limits.searchesAtATime.max);
    for (const end of ends.splice(0)) end();
    await Promise.all(again);
  });
});

describe('a photo of more faces than are searched', () => {
  let vision: Vision;
  let crowd: Buffer;
  const columns = 12;
  const rows = 9;

  beforeAll(async () => {
    vision = await realVision();
    const face = await sharp(await portrait(vision, 3, 2))
      .resize(120, 120)
      .toBuffer();
    const tiles = Array.from({ length: columns * rows }, (_, index) => ({
      input: face,
      left: (index % columns) * 130,
      top: Math.floor(index / columns) * 130,
    }));
    const background = {
      width: columns * 130,
      height: rows * 130,
      channels: 3,
      background: '#808080',
    } as const;
    crowd = await sharp({ create: background }).composite(tiles).jpeg({ quality: 95 }).toBuffer();
  });

  it('has facesSearched searched, and the others counted', async () => {
    const seen = await seePhoto(vision, crowd, 'near');
    expect(seen.faces).toHaveLength(limits.facesSearched.max);
    expect(seen.leftOut).toBeGreaterThan(0);
    expect(seen.faces.map(({ ordinal }) => ordinal)).toEqual(
      seen.faces.map(({ ordinal }) => ordinal).toSorted((a, b) => a - b),
    );
  });

  it('has facesCompared compared', async () => {
    const { db } = await freshDatabase();
    const asked: Asked = { transact: (run) => db.transaction().execute(run) };
    const found = await comparePhotos(vision, { image: crowd, other: sample(3) }, { faces: 'near' }, asked);
    expect(found.image.faces).toHaveLength(limits.facesCompared.max);
    expect(found.image.faces_left_out).toBeGreaterThan(columns * rows - limits.facesCompared.max - 20);
    expect(found.pairs).toHaveLength(limits.facesCompared.max * found.other.faces.length);
  });
});
