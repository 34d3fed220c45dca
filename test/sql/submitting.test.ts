import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';

describe('submitting by SQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  const bytesOf = async (id: string) => {
    const [row] = await database.rows(
      `select convert_from(bytes, 'UTF8') as bytes from watchpost.image where id = $1`,
      [id],
    );
    return row?.bytes;
  };
  const idOf = async (statement: string, values: unknown[] = []): Promise<string> =>
    (await database.rows(statement, values))[0]?.id;

  it('lets a role that may only INSERT submit, and do nothing else', async () => {
    // Roles belong to the whole server, so this one has a name of its own and is dropped again.
    const role = `submitter_${randomBytes(4).toString('hex')}`;
    await database.rows(`create role ${role}`);
    await database.rows(`grant usage on schema watchpost to ${role}`);
    await database.rows(`grant insert on watchpost.image to ${role}`);
    onTestFinished(async () => {
      await database.rows(`drop owned by ${role}`);
      await database.rows(`drop role ${role}`);
    });
    const asRole = async (statement: string) => {
      const client = await connectClient(database);
      try {
        await client.query('begin');
        await client.query(`set local role ${role}`);
        await client.query(statement);
        await client.query('commit');
      } catch (error) {
        await client.query('rollback');
        throw error;
      }
    };

    await asRole(
      `insert into watchpost.image (bytes, idempotency_key) values ('from a camera', 'only-insert')`,
    );
    const [image] = await database.rows(`
      select e.tasks, o.task, i.bytes is not null as stored
      from watchpost.image as i
      join watchpost.event as e on e.image_id = i.id
      join watchpost.outbox as o on o.event_id = e.id
      where i.idempotency_key = 'only-insert'
    `);
    expect(image).toEqual({ tasks: ['detect'], task: 'detect', stored: true });

    const forbidden = [
      'select id from watchpost.image',
      'select bytes from watchpost.image',
      `update watchpost.image set captured_at = now()`,
      'update watchpost.image set bytes = null',
      `insert into watchpost.image (bytes) values ('x') on conflict (id) do update set bytes = null`,
      `insert into watchpost.image (bytes) values ('x') returning bytes`,
      'delete from watchpost.image',
      'select * from watchpost.last_seen',
      `insert into watchpost.event (topic, subject_id) values ('image.received', watchpost.uuidv7())`,
      `insert into watchpost.outbox (event_id, task, topic, payload) values (watchpost.uuidv7(), 'a', 'b', '{}')`,
      'select watchpost.relay()',
      `insert into watchpost.person (name) values ('Eve')`,
    ];
    for (const statement of forbidden) {
      await expect(asRole(statement), statement).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('leaves one image and its bytes when an id is inserted again with ON CONFLICT DO NOTHING', async () => {
    const id = await idOf(`insert into watchpost.image (bytes) values ('first') returning id`);
    const again = `insert into watchpost.image (id, bytes) values ($1, 'second') on conflict do nothing`;
    await database.rows(again, [id]);
    expect(await database.rows('select byte_length from watchpost.image where id = $1', [id])).toEqual([
      { byte_length: 5 },
    ]);
    expect(await bytesOf(id)).toBe('first');
    expect(await database.rows('select topic from watchpost.event where image_id = $1', [id])).toHaveLength(
      1,
    );

    await database.rows('update watchpost.image set bytes = null where id = $1', [id]);
    await database.rows(again, [id]);
    expect(await bytesOf(id), 'dropped bytes stay dropped').toBeNull();
  });

  it('leaves one image and its bytes when a key is inserted again with ON CONFLICT DO NOTHING', async () => {
    const insert = `insert into watchpost.image (bytes, idempotency_key) values ($1, 'twice') on conflict do nothing returning id`;
    const id = await idOf(insert, ['first']);
    expect(await idOf(insert, ['second'])).toBeUndefined();
    expect(await bytesOf(id)).toBe('first');

    await database.rows('update watchpost.image set bytes = null where id = $1', [id]);
    expect(await idOf(insert, ['third'])).toBeUndefined();
    expect(await bytesOf(id), 'dropped bytes stay dropped').toBeNull();
  });

  it('answers with the first id when a key is submitted again, and refuses it for another photo (WP003)', async () => {
    const submit = `select watchpost.submit_image($1, idempotency_key => 'frame-7') as id`;
    const id = await idOf(submit, ['a frame']);
    expect(await idOf(submit, ['a frame'])).toBe(id);
    await expect(idOf(submit, ['another frame'])).rejects.toMatchObject({ code: 'WP003' });
    expect(await database.rows(`select id from watchpost.image where idempotency_key = 'frame-7'`)).toEqual([
      { id },
    ]);
  });

  it('names the existing cameras when one is unknown (WP002)', async () => {
    await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    await expect(idOf(`select watchpost.submit_image('x', 'gaet') as id`)).rejects.toMatchObject({
      code: 'WP002',
      message: `There is no camera 'gaet'.`,
      hint: 'Cameras: gate.',
    });
  });

  it.skipIf(!onServer)(`gives two that submit one key at the same moment one id ${needsServer}`, async () => {
    const [first, second] = [await connectClient(database), await connectClient(database)];
    const submit = `select watchpost.submit_image('a frame', idempotency_key => 'at-once') as id`;
    await first.query('begin');
    const one = await first.query(submit);
    const other = second.query(submit);
    await untilBlocked(database);
    await first.query('commit');
    expect((await other).rows).toEqual(one.rows);
    expect(await bytesOf(one.rows[0].id)).toBe('a frame');
  });

  it.skipIf(!onServer)(`accepts a COPY like any other insert ${needsServer}`, async () => {
    const client = await connectClient(database);
    const lines = Array.from(
      { length: 500 },
      (_, n) => `copied-${n}\t\\\\x${Buffer.from(`frame ${n}`).toString('hex')}\n`,
    );
    await copyIn(client, 'copy watchpost.image (idempotency_key, bytes) from stdin', lines.join(''));
    const [counted] = await database.rows(`
      select count(distinct i.id)::int as images, count(distinct i.bytes)::int as stored, count(distinct o.event_id)::int as outbox
      from watchpost.image as i
      left join watchpost.event as e on e.image_id = i.id
      left join watchpost.outbox as o on o.event_id = e.id
      where i.idempotency_key like 'copied-%'
    `);
    expect(counted).toEqual({ images: 500, stored: 500, outbox: 500 });
  });
});

/** COPY ... FROM STDIN, which pg itself answers with a refusal. */
const copyIn = (client: pg.Client, statement: string, data: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const query = new pg.Query(statement, [], (error) => (error ? reject(error) : resolve()));
    Object.assign(query, {
      handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }) {
        connection.sendCopyFromChunk(Buffer.from(data));
        connection.endCopyFrom();
      },
    });
    client.query(query);
  });
