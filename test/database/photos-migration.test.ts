import { expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { openLog } from '../../src/log.ts';
import { databaseBefore } from '../support/older.ts';
import { sample } from '../support/photos.ts';

it('puts photos that lay in a table of their own back into their rows, and makes no event of them', async () => {
  const database = await databaseBefore('0021');
  const [large, small] = [sample(1), Buffer.from('a small one')];
  // What stood in sql/ then, as far as it matters.
  await database.rows(`
    create function watchpost.store_image_bytes() returns trigger language plpgsql as $$
    begin
      new.byte_length := octet_length(new.bytes);
      new.sha256 := sha256(new.bytes);
      insert into watchpost.image_bytes (image_id, bytes) values (new.id, new.bytes);
      new.bytes := null;
      return new;
    end $$;
    create trigger image_store_bytes before insert on watchpost.image
    for each row execute function watchpost.store_image_bytes();
  `);
  const insert = 'insert into watchpost.image (bytes, idempotency_key) values ($1, $2)';
  await database.rows(insert, [large, 'large']);
  await database.rows(insert, [small, 'small']);
  await database.rows(insert, ['dropped', 'dropped']);
  await database.rows(
    `delete from watchpost.image_bytes where image_id = (select id from watchpost.image where idempotency_key = 'dropped')`,
  );
  const facts = () =>
    database.rows(
      'select id, idempotency_key, byte_length, sha256, received_at from watchpost.image order by id',
    );
  const before = await facts();

  await migrate(database.pool, openLog('silent'));

  expect(await facts()).toEqual(before);
  expect(
    await database.rows('select idempotency_key as key, bytes from watchpost.image order by id'),
  ).toEqual([
    { key: 'large', bytes: large },
    { key: 'small', bytes: small },
    { key: 'dropped', bytes: null },
  ]);
  expect(await database.rows('select from watchpost.event')).toEqual([]);
  expect(await database.rows(`select to_regclass('watchpost.image_bytes') as gone`)).toEqual([
    { gone: null },
  ]);

  await database.rows(insert, [large, 'after']);
  expect(
    await database.rows(`select bytes, byte_length from watchpost.image where idempotency_key = 'after'`),
  ).toEqual([{ bytes: large, byte_length: large.length }]);
  expect(await database.rows('select topic, tasks from watchpost.event')).toEqual([
    { topic: 'image.received', tasks: ['detect'] },
  ]);
});
