import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import {
  addCamera,
  addPerson,
  addPersonPhoto,
  addToWatchlist,
  addWatchlist,
  findWatchlist,
  readWatchlists,
  removeFromWatchlist,
} from '../../src/watchlist/registry.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const noOne = '00000000-0000-7000-8000-000000000000';

describe('the registry', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
    await addCamera(database.db, { name: 'gate', location: 'North gate' });
    await addWatchlist(database.db, { name: 'wanted', cooldown_seconds: 90, threshold: 0.5 });
  });

  it.each([
    ['a camera', () => addCamera(database.db, { name: 'gate', location: 'elsewhere' })],
    ['a watchlist', () => addWatchlist(database.db, { name: 'wanted' })],
  ])('refuses a name of %s that is taken', async (_, add) => {
    await expect(add()).rejects.toMatchObject({
      code: 'name_taken',
      message: expect.stringMatching(/"(gate|wanted)" is taken/),
    });
  });

  it('refuses an external reference that is taken, but not a name', async () => {
    await addPerson(database.db, { name: 'Ada', external_ref: 'case-1' });
    await expect(addPerson(database.db, { name: 'Bea', external_ref: 'case-1' })).rejects.toMatchObject({
      code: 'name_taken',
    });
    await expect(addPerson(database.db, { name: 'Ada' })).resolves.toMatchObject({
      name: 'Ada',
      external_ref: null,
    });
  });

  it('adds no person if one of their lists is unknown, and names the existing lists', async () => {
    await expect(
      addPerson(database.db, { name: 'Cleo', watchlists: ['wanted', 'wnated'] }),
    ).rejects.toMatchObject({ code: 'watchlist_unknown', hint: 'Watchlists: wanted.' });
    expect(await database.rows(`select id from watchpost.person where name = 'Cleo'`)).toEqual([]);
  });

  it('adds a person to a list by its name or id, once, and removes them', async () => {
    const person = await addPerson(database.db, { name: 'Dora', watchlists: ['wanted'] });
    const id = await findWatchlist(database.db, 'wanted');
    expect(await findWatchlist(database.db, id)).toBe(id);
    await addToWatchlist(database.db, id, person.id);
    expect(await readWatchlists(database.db)).toMatchObject([
      {
        name: 'wanted',
        persons: 1,
        cooldown_seconds: 90,
        threshold: 0.5,
        severity: 'warning',
        enabled: true,
      },
    ]);
    await removeFromWatchlist(database.db, id, person.id);
    await removeFromWatchlist(database.db, id, person.id);
    expect(await readWatchlists(database.db)).toMatchObject([{ persons: 0 }]);
  });

  it('distinguishes an unknown person from an unknown list', async () => {
    const person = await addPerson(database.db, { name: 'Eve' });
    const id = await findWatchlist(database.db, 'wanted');
    await expect(addToWatchlist(database.db, id, noOne)).rejects.toMatchObject({ code: 'person_unknown' });
    await expect(addToWatchlist(database.db, noOne, person.id)).rejects.toMatchObject({
      code: 'watchlist_unknown',
    });
  });

  it('refuses a photo of an unknown person, and an empty one', async () => {
    const person = await addPerson(database.db, { name: 'Fay' });
    const add = (personId: string, bytes: Buffer) =>
      addPersonPhoto(database, { personId, bytes }).catch((error) => Promise.reject(toWatchpostError(error)));
    await expect(add(noOne, Buffer.from('a photo'))).rejects.toMatchObject({ code: 'person_unknown' });
    await expect(add(person.id, Buffer.alloc(0))).rejects.toMatchObject({ code: 'body_empty' });
    expect(await database.rows('select id from watchpost.image')).toEqual([]);
    const photo = await add(person.id, Buffer.from('a photo'));
    expect(await database.rows('select id, purpose from watchpost.image')).toEqual([
      { id: photo.image_id, purpose: 'reference' },
    ]);
  });
});
