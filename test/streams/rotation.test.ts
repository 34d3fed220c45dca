import { randomUUID } from 'node:crypto';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startWatching } from '../../src/streams/index.ts';
import { turned } from '../../src/streams/turn.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { loopback, serve } from '../support/video.ts';

/** A photo as a camera sees it that is mounted so that its frames have to be turned by these degrees. */
const seenBy = (degrees: number, photo: Buffer) =>
  sharp(photo)
    .rotate(360 - degrees)
    .jpeg()
    .toBuffer();

describe('a JPEG that is turned', () => {
  it.each([90, 180, 270])(
    'by %i degrees has the orientation that makes it upright, and the same pixels',
    async (degrees) => {
      const upright = await sharp(sample(1)).jpeg().toBuffer();
      const lying = await seenBy(degrees, upright);
      const result = turned(lying, degrees);
      const shape = async (bytes: Buffer) => {
        const { info } = await sharp(bytes).autoOrient().raw().toBuffer({ resolveWithObject: true });
        return [info.width, info.height];
      };
      expect(await shape(result)).toEqual(await shape(upright));
      const small = (bytes: Buffer) =>
        sharp(bytes).autoOrient().resize(16, 16, { fit: 'fill' }).grayscale().raw().toBuffer();
      const [one, other] = [await small(result), await small(upright)];
      const difference = one.reduce((sum, value, at) => sum + Math.abs(value - other[at]!), 0) / one.length;
      expect(difference).toBeLessThan(3);
      expect(result.subarray(-1000).equals(lying.subarray(-1000))).toBe(true);
    },
  );

  it('stays as it is if it has an orientation of its own, is upright, or is no JPEG', async () => {
    const own = await sharp(sample(1)).withMetadata({ orientation: 3 }).jpeg().toBuffer();
    expect(turned(own, 90).equals(own)).toBe(true);
    for (const degrees of [0, null]) expect(turned(sample(1), degrees).equals(sample(1))).toBe(true);
    const png = await sharp(sample(1)).png().toBuffer();
    expect(turned(png, 90).equals(png)).toBe(true);
  });
});

describe('a camera that is mounted turned', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await freshDatabase();
  });

  it('is found out from its first faces, remembered, and turned from then on', async () => {
    const vision = await realVision();
    await runWorker(database, vision);
    const photos = await Promise.all(([1, 2, 3] as const).map((n) => seenBy(90, sample(n))));
    let asked = 0;
    const { url } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(photos[asked++ % photos.length]),
    );
    const [camera] = await database.rows(
      `insert into watchpost.camera (name, location, source, frames_per_second) values ('hall', 'Hall', $1, 5) returning id`,
      [url],
    );
    const cameras = startWatching({
      watcher: randomUUID(),
      database,
      vision,
      outgoing: loopback,
      log: openLog('silent'),
    });
    atEnd(() => cameras.stop());
    await until(async () => {
      const [row] = await database.rows('select rotation from watchpost.camera');
      return row.rotation === 90;
    });
    const [event] = await database.rows(
      `select payload from watchpost.event where topic = 'camera.changed' order by id desc limit 1`,
    );
    expect(event.payload).toMatchObject({
      camera_id: camera.id,
      by: 'watcher',
      old: { rotation: null },
      new: { rotation: 90 },
    });
    // Turned frames are as high as the photos, and their faces are usable.
    await until(async () => {
      const [row] = await database.rows(
        `select exists (
           select from watchpost.image as i join watchpost.face as f on f.image_id = i.id
           where f.gate = '{}' and abs(f.roll) < 30 and i.width > i.height
         ) as found`,
      );
      return row.found;
    });
    const [watch] = await database.rows('select reconnects from watchpost.camera_watch');
    expect(Number(watch.reconnects)).toBe(0);
    await database.rows('update watchpost.camera set source = null');
    await cameras.stop();
  });
});
