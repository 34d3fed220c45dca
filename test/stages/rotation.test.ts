import { createHash, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readDigest } from '../../src/database/verify.ts';
import { checkEvidence, makeEvidence } from '../../src/evidence/index.ts';
import { unpackZip } from '../../src/evidence/zip.ts';
import { openLog } from '../../src/log.ts';
import { replay } from '../../src/runner/replay.ts';
import { describe as describeStage } from '../../src/stages/describe.ts';
import { detect } from '../../src/stages/detect.ts';
import { startWatching } from '../../src/streams/index.ts';
import { exportPeople } from '../../src/transfer/export.ts';
import type { Rotation, Vision } from '../../src/vision/index.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import {
  enrolAda,
  openApi,
  realVision,
  runWorker,
  submit,
  untilFinal,
  untilIdle,
} from '../support/pipeline.ts';
import { sealAll } from '../support/record.ts';
import { until } from '../support/until.ts';
import { loopback, serve } from '../support/video.ts';

/** A photo as a camera sees it that is mounted so that its photos have to be turned clockwise by these degrees. */
const seenBy = (degrees: number, photo = sample(1)) =>
  sharp(photo)
    .rotate(360 - degrees)
    .jpeg({ quality: 95 });

let database: TestDatabase;
let vision: Vision;
let api: Awaited<ReturnType<typeof openApi>>;
/** Photos in which the models have looked for faces. */
let searched = 0;
let upright: Awaited<ReturnType<typeof facesOf>>;

/** What is known of the faces of an image, from left to right. */
const facesOf = async (image: string) =>
  database.rows(
    `select f.id, f.box_x, f.box_y, f.box_width, f.box_height, f.roll, f.gate, f.crop
     from watchpost.face as f where f.image_id = $1 and f.superseded_at is null order by f.ordinal`,
    [image],
  );

const rowOf = async (image: string) =>
  (
    await database.rows(
      `select i.rotation, i.width, i.height, encode(i.sha256, 'hex') as sha256 from watchpost.image as i where i.id = $1`,
      [image],
    )
  )[0];

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The mean difference of two pictures as they are shown, of 255. */
const difference = async (one: Buffer, other: Buffer) => {
  const small = (bytes: Buffer) =>
    sharp(bytes).autoOrient().resize(32, 32, { fit: 'fill' }).grayscale().raw().toBuffer();
  const [a, b] = [await small(one), await small(other)];
  return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]!), 0) / a.length;
};

const sizeShown = async (bytes: Buffer) => {
  const { format, autoOrient } = await sharp(bytes).metadata();
  return { format, width: autoOrient.width, height: autoOrient.height };
};

const photoOf = async (image: string, query = '') => {
  const response = await api(`/v1/images/${image}/${query}`);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
};

/** The faces and the picture of an image are those of the upright one, and what is stored is what was sent. */
const expectAsUpright = async (image: string, sent: Buffer, rotation: Rotation) => {
  expect(await untilFinal(database, image)).toMatchObject({ state: 'done', faces: 3 });
  const { width, height } = await sharp(sample(1)).metadata();
  expect(await rowOf(image)).toEqual({ rotation, width, height, sha256: sha256(sent) });
  const faces = await facesOf(image);
  for (const [at, face] of faces.entries()) {
    const same = upright[at]!;
    for (const side of ['box_x', 'box_y', 'box_width', 'box_height'])
      expect(Math.abs(face[side] - same[side]), side).toBeLessThan(0.01 * (width ?? 0));
    expect(Math.abs(face.roll - same.roll)).toBeLessThan(5);
    expect(await difference(face.crop, same.crop)).toBeLessThan(8);
  }
};

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
  const worker = await runWorker(database, vision);
  api = await openApi(database, vision, worker);
  await database.rows(`
    insert into watchpost.camera (name, location, rotation) values
      ('90', 'Hall', 90), ('180', 'Hall', 180), ('270', 'Hall', 270), ('single', 'Door', null)`);
  const image = await submit(database, sample(1));
  await untilFinal(database, image);
  upright = await facesOf(image);
});

describe('a photo of a camera that is mounted turned', () => {
  it('has the faces of the upright one: by POST', async () => {
    const sent = await seenBy(90).toBuffer();
    const body = new FormData();
    body.set('image', new File([new Uint8Array(sent)], 'a.jpg'));
    body.set('camera', '90');
    const response = await api('/v1/images', { method: 'POST', body });
    expect(response.status).toBe(202);
    const { id } = (await response.json()) as { id: string };
    await expectAsUpright(id, sent, 90);
    expect(await (await api(`/v1/images/${id}`)).json()).toMatchObject({ rotation: 90 });
  });

  it('by a statement that inserts several', async () => {
    const sent = [await seenBy(180).toBuffer(), await seenBy(270).toBuffer()];
    const images = await database.rows(
      `insert into watchpost.image (camera_id, bytes)
       select c.id, p.bytes from unnest($1::text[], $2::bytea[]) as p (camera, bytes)
       join watchpost.camera as c on c.name = p.camera order by c.name returning id`,
      [['180', '270'], sent],
    );
    await expectAsUpright(images[0].id, sent[0]!, 180);
    await expectAsUpright(images[1].id, sent[1]!, 270);
  });

  it('from a folder', async () => {
    const folder = await temporaryFolder();
    const sent = await seenBy(270).toBuffer();
    await writeFile(join(folder, 'a.jpg'), sent);
    const watched = await watchpost(['watch', folder, '--once', '--json', '--camera', '270'], {
      DATABASE_URL: database.url,
      WATCHPOST_DATA: await temporaryFolder(),
    });
    await expectAsUpright(JSON.parse(watched.stdout).id, sent, 270);
  });

  it('from its source', async () => {
    const sent = await seenBy(90).toBuffer();
    const { url } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(sent),
    );
    await database.rows(
      `insert into watchpost.camera (name, location, source, rotation) values ('source', 'Hall', $1, 90)`,
      [url],
    );
    const cameras = startWatching({
      watcher: randomUUID(),
      database,
      outgoing: loopback,
      log: openLog('silent'),
    });
    const [image] = await until(async () => {
      const found = await database.rows(
        `select i.id from watchpost.image as i join watchpost.camera as c on c.id = i.camera_id and c.name = 'source'`,
      );
      return found.length > 0 && found;
    });
    await database.rows('update watchpost.camera set source = null');
    await cameras.stop();
    await expectAsUpright(image.id, sent, 90);
  });

  it('on top of its EXIF orientation, and if it is no JPEG', async () => {
    const own = await seenBy(270).withMetadata({ orientation: 3 }).toBuffer();
    const png = await seenBy(90).png().toBuffer();
    for (const sent of [own, png]) {
      const image = await submit(database, sent, '90');
      await expectAsUpright(image, sent, 90);
      // A file that cannot be given an orientation without a loss is answered as a JPEG.
      const photo = await photoOf(image, 'photo');
      expect(await sizeShown(photo)).toEqual({ ...(await sizeShown(sample(1))), format: 'jpeg' });
      expect(await difference(photo, sample(1))).toBeLessThan(4);
    }
  });

  it('is shown upright, with the pixels that were sent', async () => {
    const sent = await seenBy(270).toBuffer();
    const image = await submit(database, sent, '270');
    await untilFinal(database, image);
    const photo = await photoOf(image, 'photo');
    expect(photo.subarray(-1000).equals(sent.subarray(-1000))).toBe(true);
    for (const one of [photo, await photoOf(image, 'photo?side=640'), await photoOf(image, 'annotated')])
      expect(await difference(one, sample(1))).toBeLessThan(8);
  });

  it('is turned as it was when it came: replays, and frames after a change', async () => {
    const sent = await seenBy(90).toBuffer();
    const [camera] = await database.rows(
      `insert into watchpost.camera (name, location, rotation) values ('moved', 'Hall', 90) returning id`,
    );
    const before = await submit(database, sent, 'moved');
    await untilFinal(database, before);
    await database.rows('update watchpost.camera set rotation = 180 where id = $1', [camera.id]);
    const turned = await seenBy(180).toBuffer();
    await expectAsUpright(await submit(database, turned, 'moved'), turned, 180);
    const again = await replay(detect, { imageId: before }, { database, vision }, { dryRun: true });
    expect(again).toMatchObject({ changed: 0, gained: 0, lost: 0 });
    await expectAsUpright(before, sent, 90);
  });

  it('is described upright', async () => {
    const image = await submit(database, await seenBy(90).toBuffer(), '90');
    await untilFinal(database, image);
    const [face] = await facesOf(image);
    const items = [face!.id, upright[0]!.id].map((id) => ({ event_id: id, face_id: id }));
    const [turned, same] = await describeStage.work(items, { database, vision });
    if (turned?.status !== 'fulfilled' || same?.status !== 'fulfilled') throw new Error('not described');
    expect(Math.abs(turned.value.age - same.value.age)).toBeLessThan(3);
    expect(Math.abs(turned.value.male - same.value.male)).toBeLessThan(0.1);
  });

  it('is in the evidence as it was sent, and marked upright; its faces are exported upright', async () => {
    const { personId } = await enrolAda(database);
    const sent = await seenBy(90).toBuffer();
    await database.rows(
      `insert into watchpost.camera (name, location, rotation) values ('evident', 'Hall', 90)`,
    );
    const image = await submit(database, sent, 'evident');
    expect(await untilFinal(database, image)).toMatchObject({ matches: 1, alerts: 1 });
    await untilIdle(database);
    await sealAll(database);
    const [alert] = await database.rows(
      `select a.id from watchpost.alert as a join watchpost.camera as c on c.id = a.camera_id and c.name = 'evident'`,
    );
    const { zip } = await makeEvidence(
      { db: database.db, act: (run) => database.db.transaction().execute(run) },
      alert.id,
    );
    const files = await unpackZip(zip);
    expect(sha256(files.get('frame.jpg') as Buffer)).toBe(sha256(sent));
    expect(await difference(files.get('frame-marked.jpg') as Buffer, sample(1))).toBeLessThan(8);
    expect(JSON.parse(String(files.get('lineage.json')))).toMatchObject([{ image_rotation: 90 }]);
    const known = { digestOf: (seal: number) => readDigest(database, seal) };
    expect((await checkEvidence(zip, known)).filter(({ is }) => is === 'FAIL')).toEqual([]);

    await database.rows('select watchpost.enrol_face($1, $2)', [personId, (await facesOf(image))[2]!.id]);
    await until(async () => {
      const [row] = await database.rows(
        `select count(*)::integer as enrolled from watchpost.reference where person_id = $1 and superseded_at is null`,
        [personId],
      );
      return row.enrolled === 2;
    });
    const folder = join(await temporaryFolder(), 'people');
    await exportPeople(database.db, folder, {});
    const exported = await sharp(join(folder, 'Ada', '2.jpg'))
      .autoOrient()
      .toBuffer();
    expect(await difference(exported, sample(1))).toBeLessThan(4);
  });
});

describe('how a camera is mounted', () => {
  it('is found out from its first faces, remembered, and holds from then on', async () => {
    const photos = await Promise.all(
      ([1, 2, 3] as const).map((n) => seenBy(90, sample(n)).resize(800).toBuffer()),
    );
    const [camera] = await database.rows(
      `insert into watchpost.camera (name, location, frames_per_second) values ('found', 'Hall', 5) returning id`,
    );
    let sent = 0;
    const image = await until(async () => {
      const id = await submit(database, photos[sent++ % 3]!, 'found');
      await untilFinal(database, id);
      return (await rowOf(id)).rotation === 90 && id;
    }, 200);
    // The frame that comes next is upright; those before stay as they were.
    expect(await untilFinal(database, image)).toMatchObject({ state: 'done' });
    expect((await facesOf(image)).filter(({ roll }) => Math.abs(roll) < 30).length).toBeGreaterThan(1);
    expect(
      await database.rows('select distinct rotation from watchpost.image where camera_id = $1 and id < $2', [
        camera.id,
        image,
      ]),
    ).toEqual([{ rotation: 0 }]);
    expect(
      await database.rows(
        `select payload from watchpost.event where topic = 'camera.changed' and payload ->> 'change' = 'updated'
           and subject_id = $1`,
        [camera.id],
      ),
    ).toMatchObject([
      { payload: { camera_id: camera.id, by: 'worker', old: { rotation: null }, new: { rotation: 90 } } },
    ]);
  });

  it('is not asked of a camera that sends single photos, nor of one whose rotation is set', async () => {
    await database.rows(
      `insert into watchpost.camera (name, location, frames_per_second, still_difference, rotation)
       values ('known', 'Hall', 5, null, 0)`,
    );
    for (const camera of ['single', 'known']) {
      searched = 0;
      await untilFinal(database, await submit(database, sample(4), camera));
      expect(searched, camera).toBe(1);
    }
  });
});
