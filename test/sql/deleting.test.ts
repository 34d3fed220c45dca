import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { countPhotos, deletePhotos, removePerson, removeWatchlist } from '../../src/watchlist/registry.ts';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addModel, addPastFaces } from '../support/fabricate.ts';
import { Vectors } from '../support/vectors.ts';

const random = new Vectors(4, 9);
const past = '2026-02-01T00:00:00Z';
const until = '2026-03-01T00:00:00Z';

let database: TestDatabase;
let model: string;

beforeAll(async () => {
  database = await freshDatabase();
  model = await addModel(database, 'alerts-model', 4);
});

const transact: Parameters<typeof deletePhotos>[0] = (run) => database.db.transaction().execute(run);
const count = async (table: string, condition = 'true', values: unknown[] = []): Promise<number> =>
  (await database.rows(`select count(*)::int as n from watchpost.${table} where ${condition}`, values))[0].n;
const eventsOf = (topic: string) =>
  database.rows('select payload from watchpost.event where topic = $1 order by id', [topic]);
const violations = () =>
  database.rows(`select rule, subject from watchpost.find_violations() where rule in (
    'searched_twice', 'match_below_threshold', 'match_against_cannot_link', 'face_of_two_people', 'person_twice_in_a_photo',
    'sightings_miscounted', 'sighting_of_another', 'episodes_overlap', 'face_without_embedding', 'embedding_without_search',
    'match_without_alert')`);

describe('deletePhotos()', () => {
  let camera: string;
  let cameraId: string;
  beforeEach(async () => {
    camera = `camera ${Math.random()}`;
    const [row] = await database.rows(
      `insert into watchpost.camera (name, location) values ($1, 'Gate') returning id`,
      [camera],
    );
    cameraId = row.id;
  });
  const addPhotos = (vectors: number, since = past) =>
    addPastFaces(database, {
      model,
      vectors: Array.from({ length: vectors }, () => random.any()),
      camera,
      since,
    });

  it('deletes photos of a camera and a time in batches, each on record, with all that was found in them', async () => {
    await addPhotos(300);
    await addPhotos(5, '2026-04-01T00:00:00Z');
    const other = await addFace(database, { model, vector: random.any(), capturedAt: past });
    const before = (await eventsOf('images.deleted')).length;
    expect(await countPhotos(database.db, { camera: cameraId, until })).toMatchObject({ deletable: 300 });

    const steps: number[] = [];
    expect(await deletePhotos(transact, { camera: cameraId, until }, (rows) => steps.push(rows))).toBe(300);

    expect(steps.length).toBeGreaterThan(1);
    expect(steps.reduce((sum, step) => sum + step)).toBe(300);
    expect(await count('image', 'camera_id = $1', [cameraId])).toBe(5);
    expect(await count('image', 'id = $1', [other.imageId])).toBe(1);
    for (const table of ['face', 'embedding', 'search']) {
      const orphans =
        table === 'face'
          ? 'image_id not in (select id from watchpost.image)'
          : 'face_id not in (select id from watchpost.face)';
      expect(await count(table, orphans), table).toBe(0);
    }
    const recorded = (await eventsOf('images.deleted')).slice(before);
    expect(recorded.map(({ payload }) => payload.images)).toEqual(steps);
    expect(recorded[0].payload).toMatchObject({ cameras: [cameraId], by: expect.any(String) });
    expect(recorded[0].payload.image_ids).toHaveLength(steps[0]!);
  });

  it('goes on where it was interrupted', async () => {
    await addPhotos(100);
    let batches = 0;
    const interrupted: typeof transact = (run) => {
      batches += 1;
      if (batches === 2) throw new Error('The process was killed.');
      return transact(run);
    };
    await expect(deletePhotos(interrupted, { camera: cameraId, until })).rejects.toThrow(/killed/);
    const left = await count('image', 'camera_id = $1', [cameraId]);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(100);
    expect(await deletePhotos(transact, { camera: cameraId, until })).toBe(left);
  });

  it('keeps what an alert rests on, what enrols somebody, and what a cannot_link names', async () => {
    const seen = { model, vector: random.any(), camera, capturedAt: past };
    const [plain, enrolling, ruledOut] = [
      await addFace(database, seen),
      await addFace(database, seen),
      await addFace(database, seen),
    ];
    const { alertId, personId } = await raiseAlert(database, { seen: [past] });
    await database.rows('select watchpost.enrol_face($1, $2)', [personId, enrolling.faceId]);
    await database.rows('insert into watchpost.cannot_link (person_id, face_id) values ($1, $2)', [
      personId,
      ruledOut.faceId,
    ]);
    const [evidence] = await database.rows('select image_id from watchpost.alert_detail where id = $1', [
      alertId,
    ]);
    await database.rows('update watchpost.image set camera_id = $2 where id = $1', [
      evidence.image_id,
      cameraId,
    ]);

    const all = { camera: cameraId, until };
    const kept = { in_alerts: 1, enrolling: 1, in_cannot_links: 1 };
    expect(await countPhotos(database.db, all)).toEqual({ deletable: 1, ...kept });
    expect(await deletePhotos(transact, all)).toBe(1);
    expect(await countPhotos(database.db, all)).toEqual({ deletable: 0, ...kept });
    expect(await count('image', 'id = $1', [plain.imageId])).toBe(0);
    expect(await violations()).toEqual([]);
  });

  it.skipIf(!onServer)(`waits for no row that somebody else has locked ${needsServer}`, async () => {
    await addPhotos(30);
    const client = await connectClient(database);
    await client.query('begin');
    const { rows } = await client.query(
      `select id from watchpost.image
       where id = (select id from watchpost.image where camera_id = $1 order by id offset 3 limit 1)
       for no key update`,
      [cameraId],
    );
    expect(await deletePhotos(transact, { camera: cameraId, until })).toBe(29);
    await client.query('commit');
    expect(await database.rows('select id from watchpost.image where camera_id = $1', [cameraId])).toEqual(
      rows,
    );
    expect(await deletePhotos(transact, { camera: cameraId, until })).toBe(1);
  });
});

describe('what an alert rests on', () => {
  const twice = ['2026-02-02T10:00:00Z', '2026-02-02T10:01:00Z'];

  it('cannot be deleted by a DELETE of the photo; its bytes can be dropped', async () => {
    const { alertId } = await raiseAlert(database);
    const [{ image_id }] = await database.rows('select image_id from watchpost.alert_detail where id = $1', [
      alertId,
    ]);
    await expect(
      database.rows('delete from watchpost.image where id = $1', [image_id]),
    ).rejects.toMatchObject({ code: 'WP023', message: expect.stringContaining(alertId) });
    await database.rows('update watchpost.image set bytes = null where id = $1', [image_id]);
  });

  it.each(['best', 'other'])(
    'is counted again when the face of its %s sighting is deleted',
    async (which) => {
      const { alertId } = await raiseAlert(database, { seen: twice });
      await database.rows(
        `delete from watchpost.face where id in (
         select m.face_id
         from watchpost.alert_match as am
         join watchpost.match as m on m.id = am.match_id
         join watchpost.alert as a on a.id = am.alert_id
         where a.id = $1 and (m.id = a.best_match_id) = $2
       )`,
        [alertId, which === 'best'],
      );
      const left = await database.rows('select sightings from watchpost.alert where id = $1', [alertId]);
      expect(left).toEqual(which === 'best' ? [] : [{ sightings: 1 }]);
      expect(await violations()).toEqual([]);
    },
  );

  it('is deleted with its alert, and then its photo can be', async () => {
    const { alertId, personId } = await raiseAlert(database, { seen: twice });
    const images = await database.rows('select image_id as id from watchpost.match where person_id = $1', [
      personId,
    ]);
    await database.rows('delete from watchpost.alert where id = $1', [alertId]);
    expect(await count('match', 'person_id = $1', [personId])).toBe(0);
    expect(await violations()).toEqual([]);
    await database.rows('delete from watchpost.image where id = any ($1)', [images.map(({ id }) => id)]);
  });
});

describe('removing', () => {
  /** A list or a person with more alerts than a batch has. */
  const seenOften = async () => {
    const { watchlistId, personId, alertId } = await raiseAlert(database);
    for (let n = 0; n < 60; n += 1) {
      await raiseAlert(database, { watchlistId });
    }
    await database.rows('insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)', [
      watchlistId,
      personId,
    ]);
    return { watchlistId, personId, alertId };
  };

  it('a list deletes it with its alerts, batch by batch, and the record stays', async () => {
    const { watchlistId, personId } = await seenOften();
    const steps: number[] = [];
    await removeWatchlist(transact, watchlistId, (rows) => steps.push(rows));
    expect(steps.length).toBeGreaterThan(2);
    for (const table of ['alert', 'match', 'watchlist_entry']) {
      expect(await count(table, 'watchlist_id = $1', [watchlistId]), table).toBe(0);
    }
    expect(await count('watchlist', 'id = $1', [watchlistId])).toBe(0);
    expect(await count('person', 'id = $1', [personId])).toBe(1);
    const changes = await database.rows(
      `select payload from watchpost.event where subject_id = $1 and topic = 'watchlist.changed' order by id`,
      [watchlistId],
    );
    expect(changes.map(({ payload }) => payload.change)).toEqual(['created', 'updated', 'deleted']);
    const raised = `topic = 'alert.raised' and payload ->> 'watchlist_id' = $1`;
    expect(await count('event', raised, [watchlistId])).toBe(61);
    await expect(removeWatchlist(transact, watchlistId)).rejects.toMatchObject({ code: 'watchlist_unknown' });
  });

  it('a person deletes their photos, alerts and entries, and nobody else', async () => {
    const { watchlistId, personId } = await seenOften();
    const known = await addKnownPerson(database, {
      name: 'Bea',
      model,
      vector: random.any(),
      watchlists: [watchlistId],
    });
    const own = `exists (select from watchpost.person_photo as p where p.image_id = image.id and p.person_id = $1)`;
    expect(await count('image', own, [known.personId])).toBe(1);
    const alertsBefore = await count('alert');
    await removePerson(transact, personId);
    await removePerson(transact, known.personId);
    expect(await count('alert')).toBe(alertsBefore - 1);
    expect(await count('person', 'id = any ($1)', [[personId, known.personId]])).toBe(0);
    expect(await count('reference', 'person_id = $1', [known.personId])).toBe(0);
    await expect(removePerson(transact, personId)).rejects.toMatchObject({ code: 'WP004' });
    expect(await violations()).toEqual([]);
  });

  it('the only list of an endpoint disables the endpoint, which would be sent the alerts of all lists', async () => {
    const [one, two] = [await raiseAlert(database), await raiseAlert(database)];
    const add = async (name: string, lists: string[]) =>
      (
        await database.rows('select endpoint_id as id from watchpost.add_endpoint($1, $2, $3::uuid[])', [
          name,
          'https://guards.example/',
          lists,
        ])
      )[0].id;
    const ids = [
      await add('of one', [one.watchlistId]),
      await add('of both', [one.watchlistId, two.watchlistId]),
      await add('of all', []),
    ];
    await removeWatchlist(transact, one.watchlistId);
    expect(
      await database.rows(
        'select enabled, disabled_reason from watchpost.endpoint where id = any ($1) order by id',
        [ids],
      ),
    ).toEqual([
      { enabled: false, disabled_reason: 'Every list whose alerts were sent there was removed.' },
      { enabled: true, disabled_reason: null },
      { enabled: true, disabled_reason: null },
    ]);
  });

  it.skipIf(!onServer)(
    `a list that is in use at this moment is repeated after a deadlock ${needsServer}`,
    async () => {
      const { watchlistId, alertId } = await raiseAlert(database);
      const client = await connectClient(database);
      await client.query('begin');
      await client.query('select from watchpost.alert where id = $1 for update', [alertId]);
      const removing = removeWatchlist(transact, watchlistId);
      await untilBlocked(database);
      await client.query('commit');
      await removing;
      expect(await count('alert', 'watchlist_id = $1', [watchlistId])).toBe(0);
    },
  );
});
