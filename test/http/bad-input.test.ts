import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ProblemCode } from '../../src/errors.ts';
import {
  animatedWebp,
  cmykJpeg,
  emptySky,
  hugePng,
  rotatedJpeg,
  svg,
  textFile,
  truncatedJpeg,
} from '../support/bad-photos.ts';
import type { TestDatabase } from '../support/database.ts';
import { heicOf } from '../support/heic.ts';
import { sample } from '../support/photos.ts';
import { untilFinal } from '../support/pipeline.ts';
import { type Api, expectNothingLeft, expectProblem, formOf, serve } from './support.ts';

let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  ({ database, api } = await serve());
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
});

const post = (bytes: Uint8Array) => api.call('POST', '/v1/images', formOf(bytes));

const insert = async (bytes: Uint8Array): Promise<string> => {
  const [row] = await database.rows('insert into watchpost.image (bytes) values ($1) returning id', [bytes]);
  return row.id;
};

const countImages = async (): Promise<number> =>
  (await database.rows('select count(*)::int as n from watchpost.image'))[0].n;

type Refusal = [what: string, code: ProblemCode, make: () => Uint8Array | Promise<Uint8Array>, words: RegExp];

/** Refused by the header of the file. */
const seenAtOnce: Refusal[] = [
  ['text named .jpg', 'image_format_unsupported', textFile, /JPEG, PNG.* HEIC/],
  ['an SVG', 'image_format_unsupported', svg, /JPEG, PNG.* HEIC/],
  ['an animated WebP', 'image_animated', animatedWebp, /animated/],
  ['a PNG of 14000 x 14000 pixels', 'image_too_many_pixels', hugePng, /14000 . 14000 .* limit is 64/],
];

/** Found only by decoding. */
const seenLater: Refusal[] = [
  ['a JPEG that ends behind its header', 'image_corrupt', truncatedJpeg, /can ?not be decoded/],
];

describe('a file that is not a photo', () => {
  it.each(seenAtOnce)('is refused by POST: %s, %s', async (_, code, make, words) => {
    const before = await countImages();
    const { detail } = expectProblem(await post(await make()), code);
    expect(detail).toMatch(words);
    expect(await countImages()).toBe(before);
  });

  it.each([...seenAtOnce, ...seenLater])(
    'ends as failed after an INSERT, with the code and a sentence, and is tried once: %s, %s',
    async (_, code, make, words) => {
      const id = await insert(await make());
      const ended = await untilFinal(database, id);
      expect(ended).toMatchObject({ state: 'failed', code, message: expect.stringMatching(words), faces: 0 });
      expect(await handlingsOf(id)).toEqual([{ task: 'detect', outcome: 'refused', attempt: 1, code }]);
      expect(await database.rows('select from watchpost.dead_letter where image_id = $1', [id])).toEqual([]);
    },
  );

  it.each(seenLater)('is accepted by POST and then ends as failed: %s, %s', async (_, code, make, words) => {
    const { status, body } = await post(await make());
    expect(status).toBe(202);
    const answer = await api.call('GET', `/v1/images/${body.id}`, undefined, { prefer: 'wait=50' });
    expect(answer.body).toMatchObject({ state: 'failed', code, message: expect.stringMatching(words) });
    expect(answer.body.finished_at).not.toBeNull();
    expect(answer.body.timeline).toMatchObject([{ task: 'detect', outcome: 'refused', code, attempt: 1 }]);
    expect(await handlingsOf(body.id)).toHaveLength(1);
  });

  it('is refused by both if it is empty, and nothing is stored', async () => {
    const before = await countImages();
    expectProblem(await post(Buffer.alloc(0)), 'body_empty');
    await expect(insert(Buffer.alloc(0))).rejects.toMatchObject({ code: 'WP001', hint: expect.any(String) });
    await expect(database.rows('insert into watchpost.image default values')).rejects.toMatchObject({
      code: 'WP001',
    });
    expect(await countImages()).toBe(before);
  });
});

describe('an unusual but valid photo', () => {
  const ways: [string, (bytes: Uint8Array) => Promise<string>][] = [
    ['POST', async (bytes) => (await post(bytes)).body.id],
    ['INSERT', insert],
  ];

  it.each(ways)('is processed though it is CMYK, by %s', async (_, send) => {
    expect(await untilFinal(database, await send(await cmykJpeg()))).toMatchObject({
      state: 'done',
      faces: 3,
    });
  });

  it.each(ways)('is processed though it is AVIF or HEIC, by %s', async (_, send) => {
    const small = sharp(sample(1)).resize(640);
    for (const [format, bytes] of [
      ['avif', await small.clone().avif({ effort: 0 }).toBuffer()],
      ['heic', await heicOf(small.clone())],
    ] as const) {
      const id = await send(bytes);
      expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3, damaged: false });
      const [row] = await database.rows('select format from watchpost.image where id = $1', [id]);
      expect(row).toEqual({ format });
    }
  });

  it.each(ways)('is rotated upright by its EXIF orientation, with its faces, by %s', async (_, send) => {
    const upright = await send(sample(1));
    const rotated = await send(await rotatedJpeg());
    expect(await untilFinal(database, upright)).toMatchObject({ state: 'done', faces: 3 });
    expect(await untilFinal(database, rotated)).toMatchObject({ state: 'done', faces: 3 });
    const [one, other] = [await whereabouts(upright), await whereabouts(rotated)];
    expect(other.size).toEqual(one.size);
    for (const [index, face] of other.faces.entries()) {
      expect(Math.abs(face.box_x - one.faces[index]!.box_x)).toBeLessThan(0.05 * one.size.width);
      expect(Math.abs(face.box_y - one.faces[index]!.box_y)).toBeLessThan(0.05 * one.size.height);
      expect(Math.abs(face.roll)).toBeLessThan(45);
    }
  });

  it.each(ways)('is done, and says that it has no face, by %s', async (_, send) => {
    const id = await send(await emptySky());
    const message = 'No face was found in this photo.';
    expect(await untilFinal(database, id)).toMatchObject({
      state: 'done',
      code: 'no_face',
      message,
      faces: 0,
    });
    const { body } = await api.call('GET', `/v1/images/${id}`);
    expect(body).toMatchObject({ state: 'done', code: 'no_face', message, faces: [] });
  });
});

describe('an unknown camera', () => {
  it('is refused by POST and by submit_image, which list the known ones, and by INSERT', async () => {
    const before = await countImages();
    const answer = await api.call('POST', '/v1/images', formOf(sample(1), { camera: 'gat' }));
    expect(expectProblem(answer, 'camera_unknown')).toMatchObject({
      detail: "There is no camera 'gat'.",
      hint: 'Cameras: gate.',
    });
    await expect(
      database.rows('select watchpost.submit_image($1, $2)', [sample(1), 'gat']),
    ).rejects.toMatchObject({ code: 'WP002', hint: 'Cameras: gate.' });
    await expect(
      database.rows('insert into watchpost.image (bytes, camera_id) values ($1, gen_random_uuid())', [
        sample(1),
      ]),
    ).rejects.toMatchObject({ code: '23503' });
    expect(await countImages()).toBe(before);
  });
});

describe('after all of it', () => {
  it('a good photo is still processed, and nothing is left in the outbox or the queue', async () => {
    const { body } = await post(sample(4));
    expect(await untilFinal(database, body.id)).toMatchObject({ state: 'done', faces: 4 });
    const retried = await database.rows(
      `select task from watchpost.handling where attempt > 1 or outcome = 'retry'`,
    );
    expect(retried).toEqual([]);
    await expectNothingLeft(database);
  });
});

const handlingsOf = (imageId: string) =>
  database.rows(
    `select h.task, h.outcome, h.attempt, h.code
     from watchpost.handling h join watchpost.event e on e.id = h.event_id where e.image_id = $1`,
    [imageId],
  );

const whereabouts = async (imageId: string) => {
  const [size] = await database.rows('select width, height from watchpost.image where id = $1', [imageId]);
  const faces = await database.rows<{ box_x: number; box_y: number; roll: number }>(
    'select box_x, box_y, roll from watchpost.face where image_id = $1 order by ordinal',
    [imageId],
  );
  return { size, faces };
};
