import { createHash } from 'node:crypto';
import { Logger, run } from 'graphile-worker';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addFace, addModel } from '../support/fabricate.ts';
import { sample } from '../support/photos.ts';

describe('inserting rows', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  const insertImage = async (values: { id?: string; bytes?: Buffer | string | null; key?: string } = {}) => {
    const [row] = await database.rows(
      `insert into watchpost.image (id, bytes, idempotency_key)
       values (coalesce($1, watchpost.uuidv7()), $2, $3) returning *`,
      [values.id ?? null, values.bytes === undefined ? 'a photo' : values.bytes, values.key ?? null],
    );
    return row;
  };

  it('makes one event and one outbox row of each of 1,000 images in one statement', async () => {
    await database.rows(
      `insert into watchpost.image (bytes) select convert_to('photo ' || n, 'UTF8') from generate_series(1, 1000) as n`,
    );
    const [counted] = await database.rows(`
      select count(distinct i.id)::int as images, count(distinct e.id)::int as events, count(o.event_id)::int as outbox
      from watchpost.image as i
      left join watchpost.event as e on e.image_id = i.id and e.topic = 'image.received' and e.tasks = '{detect}'
      left join watchpost.outbox as o
        on o.event_id = e.id and o.task = 'detect' and o.topic = e.topic and o.source = i.submitted_by
        and o.payload = e.payload and e.payload = jsonb_build_object('image_id', i.id, 'source', i.submitted_by)
      where i.byte_length between 7 and 10
    `);
    expect(counted).toEqual({ images: 1000, events: 1000, outbox: 1000 });
  });

  it('fires once a statement, except for the triggers that complete a row', async () => {
    // Tables with thousands of rows in one statement; lists, alerts and reviews are inserted one by one.
    const tables = ['image', 'face', 'embedding', 'search', 'match', 'event', 'handling', 'outbox', 'claim'];
    const perRow = await database.rows(
      `
      select t.tgname as name
      from pg_trigger as t
      join pg_class as c on c.oid = t.tgrelid
      where c.relnamespace = 'watchpost'::regnamespace and not t.tgisinternal and t.tgtype & 1 = 1 and t.tgtype & 4 = 4
        and c.relname = any ($1)
      order by 1
    `,
      [tables],
    );
    expect(perRow).toEqual([
      { name: 'event_actor' },
      { name: 'event_request_id' },
      { name: 'image_measure_bytes' },
      { name: 'match_image' },
      { name: 'match_survivor' },
    ]);
  });

  it('emits nothing for a reference image until it is a photo of a person', async () => {
    const [image] = await database.rows(
      `insert into watchpost.image (purpose, bytes) values ('reference', 'a face') returning id`,
    );
    const eventsOf = () =>
      database.rows('select topic, tasks from watchpost.event where image_id = $1', [image.id]);
    expect(await eventsOf()).toEqual([]);
    await database.rows(
      `with person as (insert into watchpost.person (name) values ('Ada') returning id)
       insert into watchpost.person_photo (person_id, image_id) select id, $1 from person`,
      [image.id],
    );
    expect(await eventsOf()).toEqual([{ topic: 'photo.added', tasks: ['detect'] }]);
  });

  it('keeps the bytes as they are, and computes size and hash whatever was given for these', async () => {
    const photo = sample(1);
    const measured = {
      bytes: photo,
      byte_length: photo.length,
      sha256: createHash('sha256').update(photo).digest(),
    };
    expect(await insertImage({ bytes: photo })).toMatchObject(measured);
    expect(
      await database.rows(
        `insert into watchpost.image (bytes, byte_length, sha256) values ($1, 1, 'x') returning bytes, byte_length, sha256`,
        [photo],
      ),
    ).toEqual([measured]);
    const [column] = await database.rows(
      `select attstorage as storage from pg_attribute where attrelid = 'watchpost.image'::regclass and attname = 'bytes'`,
    );
    expect(column, 'out of line and not compressed again').toEqual({ storage: 'e' });
  });

  it.each([
    ['no', null],
    ['empty', ''],
  ])('refuses an image with %s bytes (WP001)', async (_, bytes) => {
    await expect(insertImage({ bytes })).rejects.toMatchObject({
      code: 'WP001',
      message: 'The photo is empty.',
      hint: expect.stringMatching(/JPEG, PNG, WebP, AVIF or HEIC/),
    });
  });

  it.skipIf(!onServer)(`refuses an image of more than 100 MiB (WP070) ${needsServer}`, async () => {
    // Made in the database, so that it is not sent.
    const insert = `insert into watchpost.image (bytes) select convert_to(repeat('x', 100 * 1024 * 1024 + 1), 'UTF8')`;
    await expect(database.rows(insert)).rejects.toMatchObject({
      code: 'WP070',
      message: 'A photo may have 100 MB here.',
    });
  });

  it('refuses another photo in place of the first, also when that was dropped (WP008)', async () => {
    const { id } = await insertImage({ key: 'kept' });
    const bytesOf = async () =>
      (
        await database.rows(
          `select convert_from(bytes, 'UTF8') as bytes from watchpost.image where id = $1`,
          [id],
        )
      )[0];
    const refused = { code: 'WP008', hint: expect.stringMatching(/bytes = null.*new row/) };
    const others = [
      `update watchpost.image set bytes = 'another' where id = $1`,
      `update watchpost.image set bytes = '' where id = $1`,
      `insert into watchpost.image (id, bytes) values ($1, 'another') on conflict (id) do update set bytes = excluded.bytes`,
    ];
    for (const statement of others)
      await expect(database.rows(statement, [id]), statement).rejects.toMatchObject(refused);
    expect(await bytesOf()).toEqual({ bytes: 'a photo' });
    await database.rows(`update watchpost.image set bytes = bytes, format = 'jpeg' where id = $1`, [id]);
    expect(await bytesOf(), 'the same is no other').toEqual({ bytes: 'a photo' });

    await database.rows('update watchpost.image set bytes = null where id = $1', [id]);
    for (const statement of [...others, `update watchpost.image set bytes = 'a photo' where id = $1`])
      await expect(database.rows(statement, [id]), statement).rejects.toMatchObject(refused);
    expect(await bytesOf(), 'dropped bytes stay dropped').toEqual({ bytes: null });
  });

  it('keeps what was found when the bytes are dropped', async () => {
    const model = await addModel(database, 'facts', 4);
    const { imageId, faceId } = await addFace(database, { model, vector: [1, 0, 0, 0] });
    const factsOf = () =>
      database.rows(
        `select i.sha256, i.byte_length, f.id as face, e.norm from watchpost.image as i
         join watchpost.face as f on f.image_id = i.id join watchpost.embedding as e on e.face_id = f.id
         where i.id = $1`,
        [imageId],
      );
    const before = await factsOf();
    const dropped = await database.rows(
      'update watchpost.image set bytes = null where id = $1 and bytes is not null returning id',
      [imageId],
    );
    expect(dropped).toHaveLength(1);
    expect(before).toMatchObject([{ face: faceId, byte_length: 8 }]);
    expect(await factsOf()).toEqual(before);
  });

  it('hands nothing to a disabled subscription, and the event says so', async () => {
    await database.rows(`update watchpost.subscription set enabled = false where topic = 'image.received'`);
    onTestFinished(async () => {
      await database.rows(`update watchpost.subscription set enabled = true where topic = 'image.received'`);
    });
    const { id } = await insertImage();
    expect(await database.rows('select tasks from watchpost.event where image_id = $1', [id])).toEqual([
      { tasks: [] },
    ]);
    expect(
      await database.rows(`select from watchpost.outbox where payload ->> 'image_id' = $1`, [id]),
    ).toEqual([]);
  });

  it('hands events to a new consumer as soon as its subscription is inserted', async () => {
    await insertImage();
    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('image.received', 'count_photos')`,
    );
    onTestFinished(async () => {
      await database.rows(`delete from watchpost.subscription where task = 'count_photos'`);
    });
    const { id } = await insertImage();

    const consumed = await new Promise((resolve, reject) => {
      run({
        pgPool: database.pool,
        logger: new Logger(() => () => {}),
        noHandleSignals: true,
        taskList: { count_photos: async (payload) => resolve(payload) },
      }).then((runner) => {
        onTestFinished(() => runner.stop());
        return database.rows('select watchpost.relay()');
      }, reject);
    });
    const [event] = await database.rows('select id, tasks from watchpost.event where image_id = $1', [id]);
    expect(event.tasks).toEqual(['count_photos', 'detect']);
    expect(consumed).toEqual([{ event_id: event.id, image_id: id, source: expect.any(String) }]);
  });

  it('sends no notification: only the relay does, once for all its jobs', async () => {
    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('image.received', 'count_photos')`,
    );
    onTestFinished(async () => {
      await database.rows(`delete from watchpost.subscription where task = 'count_photos'`);
    });
    const listener = await connectClient(database);
    let heard = 0;
    const woken = new Promise<void>((resolve) => {
      listener.on('notification', () => {
        heard += 1;
        resolve();
      });
    });
    await listener.query('listen "jobs:insert"');
    await database.rows(
      `insert into watchpost.image (bytes) select convert_to('photo ' || n, 'UTF8') from generate_series(1, 20) as n`,
    );
    // What was notified at that commit would arrive before the answer to this.
    await listener.query('select 1');
    expect(heard).toBe(0);

    await database.rows('select watchpost.relay(100000)');
    await woken;
    await listener.query('select 1');
    expect(heard).toBe(1);
  });
});
