import { beforeAll, describe, expect, it } from 'vitest';
import { findNearest } from '../../src/watchlist/nearest.ts';
import {
  addCamera,
  addWatchlist,
  removeCamera,
  setCamera,
  setWatchlist,
} from '../../src/watchlist/registry.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addModel } from '../support/fabricate.ts';

const vector = [1, 0, 0, 0];

describe('the cameras and zones that a list is for', () => {
  let database: TestDatabase;
  let model: string;
  const cameras: Record<string, string> = {};
  const lists: Record<string, string> = {};

  beforeAll(async () => {
    database = await freshDatabase();
    model = await addModel(database, 'watched', vector.length);
    for (const [name, zone] of [
      ['gate', 'outside'],
      ['yard', 'outside'],
      ['hall', null],
    ] as const) {
      cameras[name] = (await addCamera(database.db, { name, location: name, zone })).id;
    }
    const add = async (name: string, fields: object = {}) => {
      lists[name] = (await addWatchlist(database.db, { name, ...fields })).id;
    };
    await add('everywhere');
    await add('hall', { cameras: ['hall'] });
    await add('outside', { zones: ['outside'] });
    await add('gate and hall', { cameras: ['gate', 'hall'] });
    await addKnownPerson(database, { name: 'Ada', model, vector, watchlists: Object.values(lists) });
  });

  /** The names of the lists that faces of these cameras were compared with, and of those of the person that was found. */
  const searched = async (faces: readonly { camera: string | null; capturedAt?: string }[]) => {
    const ids = await Promise.all(faces.map((face) => addFace(database, { model, vector, ...face })));
    const found = await findNearest(
      database.db,
      ids.map(({ embeddingId }) => embeddingId),
    );
    const named = (wanted: readonly string[] = []) =>
      Object.keys(lists).filter((name) => wanted.includes(lists[name] as string));
    return ids.map(({ embeddingId }) => {
      const nearest = found.get(embeddingId);
      expect(nearest?.watchlist_versions).toHaveLength(nearest?.watchlists.length as number);
      expect(named(nearest?.candidates[0]?.lists.map(({ id }) => id))).toEqual(named(nearest?.watchlists));
      return named(nearest?.watchlists);
    });
  };

  it('decide which lists a photo is compared with, photo by photo', async () => {
    expect(
      await searched([{ camera: 'gate' }, { camera: 'hall' }, { camera: 'yard' }, { camera: null }]),
    ).toEqual([
      ['everywhere', 'outside', 'gate and hall'],
      ['everywhere', 'hall', 'gate and hall'],
      ['everywhere', 'outside'],
      ['everywhere'],
    ]);
  });

  it('hold for several faces of one camera at a time', async () => {
    const five = Array.from({ length: 5 }, () => ({ camera: 'yard' }));
    expect(await searched(five)).toEqual(five.map(() => ['everywhere', 'outside']));
  });

  it('say nobody where the person is on no list that is for the camera', async () => {
    const other = [0, 1, 0, 0];
    await addKnownPerson(database, {
      ...{ name: 'Bea', model, vector: other, watchlists: [lists.hall as string] },
    });
    const at = async (camera: string) => {
      const { embeddingId } = await addFace(database, { model, vector: other, camera });
      const found = await findNearest(database.db, [embeddingId]);
      return found.get(embeddingId)?.candidates.map(({ similarity }) => Math.round(similarity));
    };
    expect(await at('hall'), 'Bea, then Ada').toEqual([1, 0]);
    expect(await at('yard'), 'Ada alone').toEqual([0]);
  });

  it('take the zone that the camera had when the photo was taken', async () => {
    const before = new Date().toISOString();
    await setCamera(database.db, cameras.yard as string, { zone: 'cellar' });
    expect(await searched([{ camera: 'yard' }, { camera: 'yard', capturedAt: before }])).toEqual([
      ['everywhere'],
      ['everywhere', 'outside'],
    ]);
  });

  it('are a change of the list, on record', async () => {
    const id = lists.everywhere as string;
    const changed = await setWatchlist(database.db, id, { cameras: ['hall', 'gate'], zones: ['cellar'] });
    expect(changed).toMatchObject({
      cameras: [cameras.gate, cameras.hall].sort(),
      zones: ['cellar'],
      version: 3,
    });
    const again = await setWatchlist(database.db, id, { cameras: ['gate', 'hall'] });
    expect(again.version, 'the same in another order').toBe(3);
    const events = await database.rows(
      `select payload -> 'new' as new from watchpost.event
       where topic = 'watchlist.changed' and subject_id = $1 and payload ->> 'change' = 'updated'`,
      [id],
    );
    expect(events).toEqual([{ new: { cameras: changed.cameras, zones: ['cellar'] } }]);
    const back = await setWatchlist(database.db, id, { cameras: null, zones: null });
    expect(back).toMatchObject({ cameras: null, zones: null, version: 4 });
  });

  it('are those of its site, and are there', async () => {
    const set = (fields: object) => setWatchlist(database.db, lists.hall as string, fields);
    await expect(set({ cameras: ['roof'] })).rejects.toMatchObject({ code: 'WP002' });
    await expect(set({ zones: ['outsied'] })).rejects.toMatchObject({
      code: 'WP027',
      hint: 'Zones: cellar, outside.',
    });
    await database.rows(`insert into watchpost.site (name) values ('south')`);
    const { id } = await addCamera(database.db, { name: 'pier', location: 'Pier', site: 'south' });
    await expect(set({ cameras: [id] })).rejects.toMatchObject({ code: 'WP002' });
  });

  it('keep a camera that a list is for from being deleted, and stay when it is removed', async () => {
    const { id } = await addCamera(database.db, { name: 'roof', location: 'Roof' });
    const { id: list } = await addWatchlist(database.db, { name: 'roof', cameras: ['roof'] });
    await expect(database.rows('delete from watchpost.camera where id = $1', [id])).rejects.toMatchObject({
      code: 'WP010',
      message: expect.stringContaining("the list 'roof'"),
    });
    await removeCamera(database.db, id);
    expect(await database.rows('select cameras from watchpost.watchlist where id = $1', [list])).toEqual([
      { cameras: [id] },
    ]);
  });
});
