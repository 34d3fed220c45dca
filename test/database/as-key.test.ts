import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { openAsKey } from '../../src/database/as-key.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
/** The database as a key of the site north sees it. */
let north: ReturnType<typeof openAsKey>;
let site: string;

beforeAll(async () => {
  database = await freshDatabase();
  const [made] = await database.rows(`insert into watchpost.site (name) values ('north') returning id`);
  site = made.id;
  const [key] = await database.rows(
    `insert into watchpost.api_key (name, sha256, scopes, sites) values ('guards', 'x', '{read}', array[$1::uuid]) returning id`,
    [site],
  );
  north = openAsKey(database, { id: key.id, actor: 'api:guards' });
});

const addCamera = (db: typeof north, name: string) =>
  db.insertInto('watchpost.camera').values({ name, location: 'x' }).returning('site_id').execute();

const namesSeenBy = async (db: typeof north) =>
  (await db.selectFrom('watchpost.camera').select('name').orderBy('name').execute()).map(({ name }) => name);

describe('the database as a key', () => {
  it('shows and writes what is of its sites, by queries of their own', async () => {
    await addCamera(database.db, 'elsewhere');
    expect(await addCamera(north, 'gate')).toEqual([{ site_id: site }]);
    expect(await namesSeenBy(north)).toEqual(['gate']);
    expect(await namesSeenBy(database.db)).toEqual(['elsewhere', 'gate']);
  });

  it('names the key in the record', async () => {
    const [event] = await database.rows(
      `select payload from watchpost.event where topic = 'camera.changed' and payload ->> 'name' = 'gate'`,
    );
    expect(event.payload.by).toBe('api:guards');
  });

  it('commits a transaction, and takes one back that fails', async () => {
    await north.transaction().execute(async (trx) => {
      await addCamera(trx, 'in a transaction');
      expect(await namesSeenBy(trx)).toEqual(['gate', 'in a transaction']);
    });
    const failing = north.transaction().execute(async (trx) => {
      await addCamera(trx, 'taken back');
      throw new Error('on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect(await namesSeenBy(north)).toEqual(['gate', 'in a transaction']);
  });

  it('keeps to the key in a second transaction of one connection', async () => {
    await north.connection().execute(async (one) => {
      await one.transaction().execute((trx) => addCamera(trx, 'a'));
      await one.transaction().execute(async (trx) => {
        expect(await namesSeenBy(trx)).toEqual(['a', 'gate', 'in a transaction']);
      });
    });
  });

  it('reports the error of a query, and gives a connection back that is as it was', async () => {
    await expect(sql`select 1 / 0`.execute(north)).rejects.toMatchObject({ code: '22012' });
    await expect(sql`select vector from watchpost.embedding`.execute(north)).rejects.toMatchObject({
      code: '42501',
    });
    for (let asked = 0; asked < 3; asked++) {
      const [session] = await database.rows(
        `select current_user = session_user as own, current_setting('watchpost.key', true) as key,
           current_setting('watchpost.actor', true) as actor, (select count(*)::int from watchpost.camera) as cameras`,
      );
      expect(session).toEqual({
        own: true,
        key: expect.toSatisfy((key) => !key),
        actor: expect.toSatisfy((actor) => !actor),
        cameras: 4,
      });
    }
  });

  it('reports a constraint that only the end of the transaction checks', async () => {
    await database.rows(`create table watchpost.later (id integer unique deferrable initially deferred)`);
    await database.rows('grant all on watchpost.later to watchpost_api');
    await expect(sql`insert into watchpost.later values (1), (1)`.execute(north)).rejects.toMatchObject({
      code: '23505',
    });
    await database.rows('drop table watchpost.later');
  });

  it('shows nothing once the key is revoked', async () => {
    await database.rows(`update watchpost.api_key set revoked_at = now() where name = 'guards'`);
    expect(await namesSeenBy(north)).toEqual([]);
  });
});
