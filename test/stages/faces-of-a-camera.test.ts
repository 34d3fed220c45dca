import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';

/** Three people far away: faces some 52 to 68 px high, anywhere in a frame of this size. */
const frame = async (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#7a7a70' } })
    .composite([{ input: await sharp(sample(3)).resize(370).toBuffer(), left: 600, top: 300 }])
    .jpeg({ quality: 92 })
    .toBuffer();

describe('the setting faces of a camera', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
    await runWorker(database, await realVision());
    for (const faces of ['near', 'automatic', 'far']) {
      await database.rows('insert into watchpost.camera (name, location, faces) values ($1, $1, $1)', [
        faces,
      ]);
    }
  });

  /** Heights as the models saw them, and whether that is too small to alert. */
  const seenBy = async (
    camera: string | null,
    photo: Buffer,
  ): Promise<{ height: number; small: boolean }[]> => {
    const image = await submit(database, photo, camera);
    expect(await untilFinal(database, image)).toMatchObject({ state: 'done' });
    return database.rows(
      `select height_px as height, 'small' = any (gate) as small, box_x from watchpost.face where image_id = $1
       order by ordinal`,
      [image],
    );
  };

  it('searches a frame of 1920 x 1080 at full resolution, unless it is near', async () => {
    const photo = await frame(1920, 1080);
    const near = await seenBy('near', photo);
    const automatic = await seenBy('automatic', photo);
    expect(near.every(({ small }) => small)).toBe(true);
    expect(automatic).toHaveLength(3);
    for (const { height, small } of automatic) {
      expect(height).toBeGreaterThan(48);
      expect(small).toBe(false);
    }
    expect(await seenBy(null, photo), 'without a camera').toEqual(automatic);
  });

  it('searches a frame of 3840 x 2160 at full resolution if it is far, in place', async () => {
    const photo = await frame(3840, 2160);
    expect(await seenBy('near', photo)).toEqual([]);
    const far = await seenBy('far', photo);
    expect(far.map(({ small }) => small)).toEqual([false, false, false]);
    for (const { box_x } of far as unknown as { box_x: number }[]) {
      expect(box_x).toBeGreaterThan(600);
      expect(box_x).toBeLessThan(1000);
    }
  });

  it('does not apply to photos that enrol somebody', async () => {
    const [person] = await database.rows(`insert into watchpost.person (name) values ('Ada') returning id`);
    const [photo] = await database.rows('select * from watchpost.add_person_photo($1, $2, 2::smallint)', [
      person.id,
      await frame(3840, 2160),
    ]);
    expect(await untilFinal(database, photo.image_id)).toMatchObject({
      state: 'failed',
      code: 'face_missing',
    });
  });

  it('has one of three values', async () => {
    await expect(
      database.rows(`insert into watchpost.camera (name, location, faces) values ('x', 'x', 'tiny')`),
    ).rejects.toMatchObject({ code: '23514' });
  });
});
