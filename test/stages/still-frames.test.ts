import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { submitPhoto } from '../../src/intake/index.ts';
import { replay } from '../../src/runner/replay.ts';
import { detect } from '../../src/stages/detect.ts';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker, untilFinal, untilIdle } from '../support/pipeline.ts';

/** A scene with three people, as a camera encodes it: the noise of its sensor is another one in each frame. */
const frame = async (seed: number, left = 0): Promise<Buffer> => {
  const { data, info } = await sharp(sample(3)).resize(640).raw().toBuffer({ resolveWithObject: true });
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = Math.max(0, Math.min(255, (data[i] as number) + (state / 2 ** 32 - 0.5) * 16));
  }
  const { width, height, channels } = info;
  const noisy = sharp(data, { raw: { width, height, channels } });
  return noisy
    .extract({ left, top: 0, width: width - 40, height })
    .jpeg({ quality: 70 })
    .toBuffer();
};

describe('a frame of a camera in which nothing has moved', () => {
  let database: TestDatabase;
  let vision: Vision;
  let searched = 0;
  const begun = Date.now() - 3_600_000;
  beforeAll(async () => {
    database = await freshDatabase();
    const real = await realVision();
    vision = {
      ...real,
      findFaces(...call) {
        searched += 1;
        return real.findFaces(...call);
      },
    };
    await runWorker(database, vision);
    await database.rows(`
      insert into watchpost.camera (name, location, frames_per_second, still_difference) values
        ('door', 'Door', 2, default), ('single', 'Single photos', null, default), ('always', 'Always searched', 2, null)`);
  });

  let sent = 0;
  /** Sends a frame and waits for it. */
  const see = async (bytes: Buffer, seconds: number, camera = 'door') => {
    const before = searched;
    const { id } = await submitPhoto(database, {
      bytes,
      camera,
      capturedAt: new Date(begun + seconds * 1000),
      idempotencyKey: `frame ${sent++}`,
    });
    const { state, code, faces } = await untilFinal(database, id);
    return { id, state, code, faces, modelsRun: searched > before };
  };

  it('is not searched, and is on record as still, with the frame that it is like', async () => {
    const first = await see(await frame(1), 0);
    expect(first).toMatchObject({ state: 'done', code: null, faces: 3, modelsRun: true });
    const second = await see(await frame(2), 0.5);
    expect(second).toMatchObject({ state: 'done', code: 'still', faces: 0, modelsRun: false });
    expect(await database.rows('select * from watchpost.still_frame')).toEqual([
      { image_id: second.id, of_image_id: first.id, difference: expect.any(Number) },
    ]);
  });

  it('is searched once something has moved, and again after ten seconds', async () => {
    expect(await see(await frame(3, 6), 1)).toMatchObject({ code: null, modelsRun: true });
    expect(await see(await frame(4, 6), 10.9)).toMatchObject({ code: 'still' });
    expect(await see(await frame(5, 6), 11.1)).toMatchObject({ code: null, modelsRun: true });
  });

  it('is searched if the camera sends single photos, or says that each frame is searched', async () => {
    for (const camera of ['single', 'always']) {
      await see(await frame(6), 0, camera);
      expect(await see(await frame(7), 0.5, camera)).toMatchObject({ code: null, faces: 3, modelsRun: true });
    }
  });

  it('is searched if its camera is turned in another way', async () => {
    const turn = (rotation: number | null) =>
      database.rows(`update watchpost.camera set rotation = $1 where name = 'door'`, [rotation]);
    await see(await frame(14), 15);
    await turn(180);
    expect(await see(await frame(15), 15.5)).toMatchObject({ modelsRun: true });
    expect(await see(await frame(16), 16)).toMatchObject({ code: 'still' });
    await turn(null);
  });

  it('is searched by a replay, which finds who is in it', async () => {
    await see(await frame(8), 20);
    const still = await see(await frame(9), 20.5);
    expect(still.code).toBe('still');
    const found = await replay(detect, { imageId: still.id }, { database, vision }, { dryRun: false });
    expect(found).toMatchObject({ changed: 1, gained: 3, lost: 0 });
    expect(await untilFinal(database, still.id)).toMatchObject({ code: null, faces: 3 });
    expect(await database.rows('select from watchpost.still_frame where image_id = $1', [still.id])).toEqual(
      [],
    );
  });

  it('extends the tracks of whoever stands there, beyond the gap', async () => {
    const standing = async () =>
      database.rows(
        `select t.id, t.faces, extract(epoch from t.ended_at - $1::timestamptz)::real as until
         from watchpost.track as t join watchpost.camera as c on c.id = t.camera_id and c.name = 'door'
         where t.began_at >= $1::timestamptz + interval '60 seconds' order by t.id`,
        [new Date(begun)],
      );
    await see(await frame(12), 60);
    await untilIdle(database);
    const before = await standing();
    expect(before).toHaveLength(3);
    for (const seconds of [61.5, 63, 64.5])
      expect(await see(await frame(seconds), seconds)).toMatchObject({ code: 'still' });
    expect(await standing()).toEqual(before.map((track) => ({ ...track, until: 64.5 })));
    await see(await frame(13, 6), 66);
    await untilIdle(database);
    expect(await standing()).toEqual(before.map((track) => ({ ...track, faces: 2, until: 66 })));
  });

  it('is erased with the frame that it is like', async () => {
    const seen = await see(await frame(10), 80);
    const still = await see(await frame(11), 80.5);
    expect(still.code).toBe('still');
    await database.rows('select watchpost.erase_image($1)', [seen.id]);
    expect(
      await database.rows('select from watchpost.image where id = any ($1)', [[seen.id, still.id]]),
    ).toEqual([]);
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
  });
});
