import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker } from '../support/pipeline.ts';
import { type CameraLists, cameraChecks, tablesOf, topics } from './camera-checks.ts';
import { check, untilSettled } from './checker.ts';
import { marked } from './photos.ts';

let database: TestDatabase;

/** What the harness knows of a run that kept every promise. */
let lists: { -readonly [K in keyof CameraLists]: CameraLists[K][number][] };
let acknowledged: { id: string; key: string; sha256: string }[];

const photo = { bytes: sample(1), faces: 3, refusedAtOnce: false };
const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const submit = async (bytes: Buffer, camera: string, key: string, at = new Date()): Promise<void> => {
  const [row] = await database.rows('select watchpost.submit_image($1, $2, $3, $4) as id', [
    bytes,
    camera,
    at,
    key,
  ]);
  acknowledged.push({ id: row.id, key, sha256: hashOf(bytes) });
};

/** What is found: by the checks of cameras, and by all. */
const found = async () => {
  const findings = await check(database.pool, {
    sent: acknowledged.map(({ key, sha256 }) => ({ key, sha256, faces: photo.faces })),
    acknowledged,
    more: cameraChecks,
    lists: tablesOf(lists),
  });
  const ours = findings.filter(({ name }) => cameraChecks.some((one) => one.name === name));
  return { names: ours.map(({ name }) => name), ours, all: findings };
};

beforeEach(async () => {
  database = await freshDatabase();
  lists = { frames: [], taken: [], messages: [], delivered: [] };
  acknowledged = [];
  await database.rows(
    `insert into watchpost.camera (name, location, frames_per_second, still_difference)
     values ('stream', 'Entrance', 4, null), ('folder', 'Yard', null, null), ('queue', 'Gate', null, null)`,
  );
  await database.rows(
    `select watchpost.add_bridge('out', 'rabbitmq', 'out', 'amqp://127.0.0.1', 'watchpost/{topic}', $1, from_beginning => true)`,
    [topics],
  );
});

/** Two frames of a stream, two files and two messages, and their events. */
const keepPromises = async () => {
  for (const n of [1, 2]) {
    const frame = marked(photo, `frame ${n}`);
    lists.frames.push({ sha256: frame.sha256, faces: 3, passage: 0 });
    await submit(frame.bytes, 'stream', `stream ${n}`);
    const file = marked(photo, `file ${n}`);
    lists.taken.push(file.sha256);
    await submit(file.bytes, 'folder', `watch:${n}`);
    const message = marked(photo, `message ${n}`);
    const { sha256 } = message;
    lists.messages.push({ key: `message-${n}`, sha256, faces: 3, photo: true, at: 0, confirmed: true });
    await submit(message.bytes, 'queue', `message-${n}`);
  }
  const events = await database.rows(
    'select id from watchpost.event where topic = any ($1) order by xid, id',
    [topics],
  );
  lists.delivered.push(...events.map(({ id }) => ({ id, at: 0 })));
};

describe('the checks of the chaos run with a camera', () => {
  it('find nothing when every promise was kept, and what came again came in order', async () => {
    await keepPromises();
    // A bridge that was killed before its position was written publishes again.
    lists.delivered.push(...lists.delivered.slice(-3));
    expect(await found()).toMatchObject({ names: [] });
  });

  it('find a frame that is gone after its image was seen', async () => {
    await keepPromises();
    await database.rows(`delete from watchpost.image where idempotency_key = 'stream 2'`);
    expect((await found()).all).toContainEqual({
      ...{ kind: 'lost', name: 'an acknowledged photo is there, as it was sent', count: 1 },
      examples: [expect.stringMatching(/^stream 2 /)],
    });
  });

  it('find a frame that became two images', async () => {
    await keepPromises();
    await submit(marked(photo, 'frame 1').bytes, 'stream', 'stream 1 as another watcher names it');
    lists.delivered.push(...(await newEvents()));
    expect((await found()).names).toEqual(['a frame, file or message is one image']);
  });

  it('find a file that was taken away and is no image', async () => {
    await keepPromises();
    lists.taken.push(marked(photo, 'file 3').sha256);
    expect((await found()).names).toEqual(['a file that was taken out of the folder is an image']);
  });

  it('find a confirmed message that is no image, or another one, and no refusal; and none that was not confirmed', async () => {
    await keepPromises();
    const [first, second] = lists.messages as [
      CameraLists['messages'][number],
      CameraLists['messages'][number],
    ];
    lists.messages.push({ ...first, key: 'unconfirmed', confirmed: false });
    expect((await found()).names).toEqual([]);
    lists.messages.push({ ...first, key: 'nowhere' }, { ...second, key: 'message-1' });
    lists.messages.push({ ...first, key: 'letter', photo: false });
    expect((await found()).ours).toMatchObject([
      { name: 'a photo that the broker has confirmed is an image', count: 2 },
      { name: 'a confirmed message that is no photo is on record', count: 1 },
    ]);
  });

  it('find a message that became two images', async () => {
    await keepPromises();
    await submit(marked(photo, 'message 1').bytes, 'queue', 'message-1 again');
    lists.delivered.push(...(await newEvents()));
    expect((await found()).names).toEqual(['a frame, file or message is one image']);
  });

  it('find an event that did not come out, one that nobody wrote, and two frames in the wrong order', async () => {
    await keepPromises();
    const [first, second, third, ...others] = lists.delivered as [Delivery, Delivery, Delivery, Delivery];
    lists.delivered = [second, third, ...others];
    expect((await found()).names).toEqual(['every event of the topics of the bridge came out']);
    // The fourth is of the same camera as the first.
    lists.delivered = [second, third, ...others, first];
    expect((await found()).names).toEqual(['the frames of a camera came out in order']);
    lists.delivered = [first, second, third, ...others, { id: crypto.randomUUID(), at: 0 }];
    expect((await found()).names).toEqual(['no event came out that is not on record']);
  });

  it('find a passage that was broken in two, a track that miscounts, and faces that came out before their photo', async () => {
    const worker = await runWorker(database, await realVision());
    const begun = Date.now() - 60_000;
    for (const n of [0, 1, 2]) {
      const { bytes, sha256 } = marked(photo, `frame ${n}`);
      lists.frames.push({ sha256, faces: 3, passage: 0 });
      await submit(bytes, 'stream', `stream ${n}`, new Date(begun + n * 250));
    }
    worker.nudge();
    expect(await untilSettled(database.pool, 30_000)).toBeTypeOf('number');
    lists.delivered.push(...(await newEvents()));
    expect(await found()).toMatchObject({ names: [], all: [] });
    const inOrder = lists.delivered;
    lists.delivered = inOrder.toReversed();
    expect((await found()).names).toContain('what followed from a photo came out after it');
    lists.delivered = inOrder;
    await database.rows(
      `with other as (
         insert into watchpost.track (camera_id, began_at, ended_at, faces)
         select i.camera_id, i.captured_at, i.captured_at, 1
         from watchpost.image as i where i.idempotency_key = 'stream 2'
         returning id
       )
       update watchpost.face as f set track_id = other.id
       from other, watchpost.image as i
       where i.id = f.image_id and i.idempotency_key = 'stream 2' and f.ordinal = 1`,
    );
    expect((await found()).names).toEqual(
      expect.arrayContaining(['who stays before the camera is one track', 'a track is as long as its faces']),
    );
  });
});

type Delivery = CameraLists['delivered'][number];

/** Events that were not delivered yet, in order. */
const newEvents = async (): Promise<Delivery[]> => {
  const events = await database.rows(
    'select id from watchpost.event where topic = any ($1) and id <> all ($2) order by xid, id',
    [topics, lists.delivered.map(({ id }) => id)],
  );
  return events.map(({ id }) => ({ id, at: 0 }));
};
