import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LimitName, limits } from '../../src/limits.ts';
import { Budget } from '../../src/vision/budget.ts';
import { decodingCost } from '../../src/vision/cost.ts';
import { decode } from '../../src/vision/decode.ts';
import { inspectImage } from '../../src/vision/inspect.ts';
import { loadVisionThreads } from '../../src/vision/threads.ts';
import { atEnd } from '../support/at-end.ts';
import { blackPng, manyScans } from '../support/bombs.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { openApi, runWorker, untilFinal } from '../support/pipeline.ts';

/** A photo with the largest value, and one with a little more. */
interface Case {
  readonly largest: () => Buffer | Promise<Buffer>;
  readonly beyond: () => Buffer | Promise<Buffer>;
  readonly words: RegExp;
}

const cases: Partial<Record<LimitName, Case>> = {
  photoSide: {
    largest: () => blackPng({ width: 2000, height: 30_000, colour: 0 }),
    beyond: () => blackPng({ width: 2000, height: 30_001, colour: 0 }),
    words: /2000 × 30001 pixels; a side may have 30000/,
  },
  photoAspect: {
    largest: () => blackPng({ width: 2500, height: 100 }),
    beyond: () => blackPng({ width: 2501, height: 100 }),
    words: /the longer side may be 25 times the shorter one/,
  },
  photoPixels: {
    largest: () => blackPng({ width: 8000, height: 8000, colour: 0 }),
    beyond: () => blackPng({ width: 8000, height: 8001, colour: 0 }),
    words: /the limit is 64/,
  },
  decodedBytes: {
    largest: () => blackPng({ width: 6000, height: 8000, depth: 16, colour: 6, interlaced: true }),
    beyond: () => blackPng({ width: 6001, height: 8000, depth: 16, colour: 6, interlaced: true }),
    words: /needs 384 MB of memory; the limit is 384 MB/,
  },
  photoScans: {
    largest: () => manyScans(100),
    beyond: () => manyScans(101),
    words: /has 101 scans; the limit is 100/,
  },
};

describe('limits of photos', () => {
  it.each(Object.entries(cases))('%s: takes the largest value and refuses one more', async (name, one) => {
    const { code } = limits[name as LimitName];
    await expect(inspectImage(await one.largest())).resolves.toMatchObject({ width: expect.any(Number) });
    const beyond = await one.beyond();
    await expect(inspectImage(beyond)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(one.words),
    });
    await expect(decode(beyond)).rejects.toMatchObject({ code });
  });

  it('decodes photos with the largest values', async () => {
    const { picture } = await decode(await cases.photoAspect!.largest());
    expect([picture.width, picture.height]).toEqual([1280, 51]);
    await expect(decode(await cases.photoSide!.largest())).resolves.toMatchObject({
      picture: { height: 1280 },
    });
  });

  it('refuses a thin PNG, and one with more compressed data than its pixels take', async () => {
    await expect(inspectImage(blackPng({ width: 1, height: 60_000_000 }))).rejects.toMatchObject({
      code: 'image_too_long',
    });
    const padded = blackPng({ width: 300, height: 300, bytes: 1000 * 2 ** 20 });
    await expect(inspectImage(padded)).rejects.toMatchObject({ code: 'image_too_costly' });
  });

  it('allows less memory where fewer pixels are allowed', async () => {
    const png = blackPng({ width: 400, height: 400, depth: 16, colour: 6, interlaced: true });
    await expect(inspectImage(png, { maxPixels: 200_000 })).rejects.toMatchObject({
      code: 'image_too_costly',
    });
    await expect(inspectImage(png, { maxPixels: 220_000 })).resolves.toMatchObject({ width: 400 });
  });

  it.each([{}, { turned: true as const }])(
    'decodingSeconds: stops a decoder that takes longer %j',
    async (how) => {
      // 7 GB of rows, which no machine inflates and reduces within a second.
      const slow = blackPng({ width: 30_000, height: 30_000, depth: 16, colour: 6, ...how });
      await expect(decode(slow, { maxPixels: 1e9, decodingSeconds: 1 })).rejects.toMatchObject({
        code: limits.decodingSeconds.code,
        message: expect.stringMatching(/more than 1 s/),
      });
    },
  );
});

describe('the memory of decoding', () => {
  const flat = (channels: 3 | 4 = 3) =>
    sharp({ create: { width: 160, height: 80, channels, background: { r: 9, g: 8, b: 7, alpha: 0.5 } } });
  it.each([
    ['a baseline JPEG', flat().jpeg(), 'jpeg', 0],
    ['a progressive JPEG', flat().jpeg({ progressive: true, chromaSubsampling: '4:4:4' }), 'jpeg', 6],
    ['one of halved colours', flat().jpeg({ progressive: true, chromaSubsampling: '4:2:0' }), 'jpeg', 3],
    ['a PNG', flat().png(), 'png', 0],
    ['an interlaced PNG', flat().png({ progressive: true }), 'png', 4],
    ['an interlaced PNG of 16 bits', flat().toColourspace('rgb16').png({ progressive: true }), 'png', 8],
    ['a lossy WebP', flat().webp(), 'webp', 0],
    ['a lossy WebP with alpha', flat(4).webp(), 'webp', 1],
    ['a lossless WebP', flat().webp({ lossless: true }), 'webp', 4],
  ] as const)('%s', async (_, picture, format, bytesAPixel) => {
    expect(decodingCost(await picture.toBuffer(), format).bytes).toBe(160 * 80 * bytesAPixel);
  });

  it.each([
    ['a byte that belongs to no segment', [0]],
    ['a restart', [0xff, 0xd0]],
    ['a marker without a segment', [0xff, 0x01]],
  ])('is seen behind %s, which a decoder skips', async (_, skipped) => {
    const jpeg = await flat().jpeg({ progressive: true }).toBuffer();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc2]));
    const hidden = Buffer.concat([jpeg.subarray(0, frame), Buffer.from(skipped), jpeg.subarray(frame)]);
    expect(decodingCost(hidden, 'jpeg')).toEqual(decodingCost(jpeg, 'jpeg'));
    await expect(decode(hidden)).resolves.toMatchObject({ header: { width: 160 } });
  });

  it('counts the alpha of a WebP whose header does not mention it', async () => {
    const webp = await flat(4).webp().toBuffer();
    webp[20] = webp[20]! & ~0x10;
    expect(decodingCost(webp, 'webp').bytes).toBe(160 * 80);
  });

  it('is a number for a file that is cut or altered anywhere', async () => {
    for (const [bytes, format] of [
      [await flat().jpeg({ progressive: true }).toBuffer(), 'jpeg'],
      [await flat().png({ progressive: true }).toBuffer(), 'png'],
      [await flat(4).webp().toBuffer(), 'webp'],
    ] as const) {
      for (let at = 2; at < bytes.length; at++) {
        const altered = Buffer.from(bytes);
        altered[at] = 255 - altered[at]!;
        for (const broken of [bytes.subarray(0, at), altered, Buffer.from(altered).fill(0, at)]) {
          const cost = decodingCost(broken, format);
          expect(Object.values(cost).every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
        }
      }
    }
  });

  it('decodingBytes: is shared first come, first served; a photo larger than all of it is decoded alone', async () => {
    const budget = new Budget(10);
    const order: string[] = [];
    const take = (name: string, amount: number) =>
      budget.take(amount).then((giveBack) => {
        order.push(name);
        return giveBack;
      });
    const [six, four] = await Promise.all([take('six', 6), take('four', 4)]);
    const large = take('large', 100);
    const one = take('one', 1);
    await take('nothing', 0);
    six();
    await Promise.resolve();
    expect(order).toEqual(['six', 'four', 'nothing']);
    four();
    (await large)();
    (await one)();
    expect(order).toEqual(['six', 'four', 'nothing', 'large', 'one']);
  });
});

describe('photos beyond the limits that come by INSERT', () => {
  let database: TestDatabase;
  let api: Awaited<ReturnType<typeof openApi>>;
  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await loadVisionThreads({ decodingSeconds: 1, maxPixels: 1e9 });
    atEnd(() => vision.close());
    api = await openApi(database, vision, await runWorker(database, vision));
  });

  it('end as failed with the code, while a normal photo between them is processed', async () => {
    const bytes = [
      blackPng({ width: 1, height: 60_000_000 }),
      blackPng({ width: 30_000, height: 30_000, depth: 16, colour: 6 }),
      await manyScans(101),
      sample(1),
    ];
    const ids = (
      await database.rows<{ id: string }>(
        `insert into watchpost.image (bytes) select unnest($1::bytea[]) returning id`,
        [bytes],
      )
    ).map(({ id }) => id);
    const finals = await Promise.all(ids.map((id) => untilFinal(database, id)));
    expect(finals.map(({ state, code, faces }) => [state, code, faces])).toEqual([
      ['failed', 'image_too_long', 0],
      ['failed', 'image_too_slow', 0],
      ['failed', 'image_too_costly', 0],
      ['done', null, 3],
    ]);
  });

  it('are refused by POST before they are stored', async () => {
    const [before] = await database.rows('select count(*) from watchpost.image');
    const answer = await api('/v1/images', {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(blackPng({ width: 1, height: 60_000_000 })),
    });
    expect([answer.status, await answer.json()]).toEqual([
      422,
      expect.objectContaining({ code: 'image_too_long' }),
    ]);
    expect(await database.rows('select count(*) from watchpost.image')).toEqual([before]);
  });
});
