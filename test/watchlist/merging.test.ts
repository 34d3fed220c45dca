import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { alert } from '../../src/stages/alert.ts';
import { backfill } from '../../src/stages/backfill.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { drain, owed } from '../support/drain.ts';
import { addFace, addKnownPerson, addModel, addReference } from '../support/fabricate.ts';
import { realVision } from '../support/pipeline.ts';
import { Vectors } from '../support/vectors.ts';

const dimension = 64;
const noOne = '00000000-0000-7000-8000-000000000000';
const delivery: Delivery = { workerId: noOne, attempt: 1, mayRetry: true, redelivered: false };
const at = (minute: number) => `2026-03-01T12:${String(minute).padStart(2, '0')}:00Z`;

/** Everything that a merge may touch, but for the work that follows from it. */
const tables = [
  'person',
  'person_photo',
  'reference',
  'person_vector',
  'watchlist_entry',
  'search',
  'match',
  'alert',
  'alert_match',
  'alert_review',
  'cannot_link',
  'stranger',
];

let database: TestDatabase;
let tools: Tools & { database: TestDatabase };
let model: string;
const vectors = new Vectors(dimension, 7);

beforeAll(async () => {
  database = await freshDatabase();
  tools = { database, vision: await realVision() };
  model = await addModel(database, 'sixty-four-numbers', dimension);
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
});

type Row = Record<string, string>;
const one = async (text: string, values: unknown[] = []) =>
  (await database.rows<Row>(text, values))[0] as Row;
const merge = (keep: string, merged: string, note: string | null = null) =>
  one('select * from watchpost.merge_persons($1, $2, $3)', [keep, merged, note]);
const unmerge = (merged: string, note: string | null = null) =>
  one('select * from watchpost.unmerge_persons($1, $2)', [merged, note]);
const snapshot = async () =>
  Object.fromEntries(
    await Promise.all(
      tables.map(async (table) => [
        table,
        (await database.rows(`select to_jsonb(t)::text as row from watchpost.${table} as t order by 1`)).map(
          ({ row }) => row,
        ),
      ]),
    ),
  );
const settle = async () => {
  for (const stage of [backfill, match, alert]) await drain(stage, tools);
};
const violations = () => database.rows('select rule, subject, finding from watchpost.invariant');

/** Two people who are one: photos 0.8 alike. */
let ada: { personId: string; vector: number[] };
let twin: { personId: string; vector: number[] };
let both: string;
let other: string;

const addList = async (name: string) =>
  (await one('insert into watchpost.watchlist (name, threshold) values ($1, 0.5) returning id', [name]))
    .id as string;
const addKnown = async (name: string, vector: number[], watchlists: string[]) => ({
  vector,
  ...(await addKnownPerson(database, { name, model, vector, watchlists })),
});
/** A face at the gate; in the photo of another face if that is given. */
const see = async (
  like: { vector: number[] },
  cosine: number,
  minute: number,
  photo?: { imageId: string },
) => {
  const vector = vectors.near(like.vector, cosine);
  const face = await addFace(database, { model, vector, camera: 'gate', capturedAt: at(minute) });
  if (!photo) return face;
  await database.rows(
    `update watchpost.face as f set image_id = $1, ordinal = 2, box_x = 400 where f.id = $2`,
    [photo.imageId, face.faceId],
  );
  return { ...face, imageId: photo.imageId };
};
const link = (personId: string, faceId: string) =>
  database.rows('insert into watchpost.cannot_link (person_id, face_id) values ($1, $2)', [personId, faceId]);
const standing = (personId: string) =>
  database.rows<Row>(
    `select a.id, a.sightings, a.state, w.name as list from watchpost.alert as a
     join watchpost.watchlist as w on w.id = a.watchlist_id
     where a.person_id = $1 and a.withdrawn_at is null order by a.first_seen, w.name`,
    [personId],
  );

// Each test has two people and two lists of its own; earlier lists are not searched.
beforeEach(async () => {
  await database.rows('update watchpost.watchlist set enabled = false');
  both = await addList(`both ${Math.random()}`);
  other = await addList(`other ${Math.random()}`);
  ada = await addKnown('Ada', vectors.any(), [both]);
  twin = await addKnown('Ada L.', vectors.near(ada.vector, 0.8), [both, other]);
  await settle();
});

describe('merging two people', () => {
  it('gives one everything of both, on record', async () => {
    await see(ada, 0.95, 0);
    await see(twin, 0.95, 30);
    await settle();
    const [stranger] = [await addFace(database, { model, vector: vectors.any() })];
    await link(twin.personId, stranger.faceId);
    const made = await merge(ada.personId, twin.personId, 'the same scar');

    for (const table of [
      'person_photo',
      'reference',
      'match',
      'alert',
      'cannot_link',
      'watchlist_entry',
      'backfill',
    ]) {
      expect(
        await database.rows(`select from watchpost.${table} where person_id = $1`, [twin.personId]),
        table,
      ).toEqual([]);
    }
    const seen = await database.rows(
      'select distinct seen_at, person from watchpost.sighting where person_id = $1 order by 1',
      [ada.personId],
    );
    expect(seen.map(({ seen_at, person }) => [seen_at.toISOString().slice(11, 16), person])).toEqual([
      ['12:00', 'Ada'],
      ['12:30', 'Ada'],
    ]);
    expect(
      await one('select reference_count::text as n from watchpost.person_vector where person_id = $1', [
        ada.personId,
      ]),
    ).toEqual({ n: '2' });
    expect(
      await one('select location, seen_at::text from watchpost.last_seen where person_id = $1', [
        ada.personId,
      ]),
    ).toMatchObject({ location: 'North gate' });
    expect(await one('select watchpost.survivor($1) as id', [twin.personId])).toEqual({ id: ada.personId });

    const [event] = await database.rows(
      'select subject_id, payload from watchpost.full_event where topic = $1 order by id desc limit 1',
      ['person.merged'],
    );
    expect(event).toMatchObject({
      subject_id: made.id,
      payload: {
        person_id: ada.personId,
        merged_id: twin.personId,
        by: 'postgres',
        note: 'the same scar',
        moved: { person_photo: 1, reference: 1, match: 2, cannot_link: 1, watchlist_entry: 2 },
      },
    });
    const noted = await database.rows(
      'select row_id from watchpost.person_merge_row where merge_id = $1 and relation = $2 order by 1',
      [made.id, 'match'],
    );
    expect(event.payload.rows.match, 'what moved, row by row').toEqual(noted.map(({ row_id }) => row_id));
    await settle();
    expect(await violations()).toEqual([]);
  });

  it('makes one alert of two that are of one episode, and keeps what was decided furthest', async () => {
    await see(ada, 0.95, 0);
    await see(twin, 0.95, 3);
    await see(twin, 0.95, 30);
    await settle();
    const [first, second] = [await standing(ada.personId), await standing(twin.personId)];
    const decided = second.find(({ list }) => list?.startsWith('both')) as Row;
    await database.rows('select watchpost.acknowledge($1, $2)', [decided.id, 'on my way']);
    await merge(ada.personId, twin.personId);
    const alerts = (await standing(ada.personId)).filter(({ list }) => list?.startsWith('both'));
    expect(alerts).toMatchObject([{ id: decided.id, sightings: 2, state: 'acknowledged' }, { sightings: 1 }]);
    expect(
      await one(
        'select merged_into, withdrawn_at is not null as withdrawn from watchpost.alert where id = $1',
        [first[0]?.id],
      ),
    ).toEqual({ merged_into: decided.id, withdrawn: true });
    expect(await one('select note from watchpost.alert_review where alert_id = $1', [decided.id])).toEqual({
      note: 'on my way',
    });
  });

  it('keeps one face in a photo in which both were seen, the more similar one', async () => {
    const worse = await see(ada, 0.7, 0);
    const better = await see(twin, 0.95, 0, worse);
    await settle();
    await merge(ada.personId, twin.personId);
    expect(
      await database.rows(
        'select distinct face_id, person_id from watchpost.match where image_id = $1 and superseded_at is null',
        [worse.imageId],
      ),
    ).toEqual([{ face_id: better.faceId, person_id: ada.personId }]);
    expect(
      await one('select outcome from watchpost.search where face_id = $1 and superseded_at is null', [
        worse.faceId,
      ]),
    ).toEqual({ outcome: 'outranked' });
  });

  it('withdraws a match of the one against what was said of the other', async () => {
    const face = await see(twin, 0.95, 0);
    await settle();
    await link(ada.personId, face.faceId);
    await settle();
    await merge(ada.personId, twin.personId);
    expect(
      await database.rows('select superseded_because from watchpost.match where face_id = $1', [face.faceId]),
    ).toEqual([{ superseded_because: 'cannot_link' }, { superseded_because: 'cannot_link' }]);
    await settle();
    expect(await violations()).toEqual([]);
  });

  it('leaves alone who was on a list that has ended', async () => {
    const ended = await addList(`ended ${Math.random()}`);
    await database.rows('insert into watchpost.watchlist_entry values ($1, $2)', [ended, twin.personId]);
    await database.rows(
      `update watchpost.watchlist set valid_from = '2026-01-01', valid_until = '2026-02-01' where id = $1`,
      [ended],
    );
    await merge(ada.personId, twin.personId);
    expect(
      await database.rows('select person_id from watchpost.watchlist_entry where watchlist_id = $1', [ended]),
    ).toEqual([{ person_id: ada.personId }]);
  });

  it('forgets both when the survivor is forgotten, and not the survivor by the id of the other', async () => {
    await merge(ada.personId, twin.personId);
    await expect(database.rows('select watchpost.forget_person($1)', [twin.personId])).rejects.toMatchObject({
      code: 'WP081',
    });
    await database.rows('select watchpost.forget_person($1)', [ada.personId]);
    const people = [ada.personId, twin.personId];
    expect(await database.rows('select from watchpost.person where id = any ($1)', [people])).toEqual([]);
    expect(
      await database.rows('select from watchpost.person_merge where merged_id = $1', [twin.personId]),
    ).toEqual([]);
    expect(
      await database.rows(
        `select from watchpost.event where topic = 'person.merged' and payload->>'merged_id' = $1`,
        [twin.personId],
      ),
    ).toHaveLength(1);
  });
});

describe('what is written for a person who was merged', () => {
  it('is written for the survivor: photos, entries of lists, cannot_links', async () => {
    await merge(ada.personId, twin.personId);
    const list = await addList(`later ${Math.random()}`);
    await database.rows('insert into watchpost.watchlist_entry values ($1, $2)', [list, twin.personId]);
    expect(
      await database.rows('select person_id from watchpost.watchlist_entry where watchlist_id = $1', [list]),
    ).toEqual([{ person_id: ada.personId }]);
    const photo = await one('select * from watchpost.add_person_photo($1, $2)', [
      twin.personId,
      Buffer.from('a photo'),
    ]);
    expect(
      await one('select person_id from watchpost.person_photo where id = $1', [photo.person_photo_id]),
    ).toEqual({ person_id: ada.personId });
    const face = await addFace(database, { model, vector: vectors.any() });
    await link(twin.personId, face.faceId);
    expect(
      await database.rows('select person_id from watchpost.cannot_link where face_id = $1', [face.faceId]),
    ).toEqual([{ person_id: ada.personId }]);
    const enrolled = await one('select watchpost.enrol_face($1, $2) as id', [
      twin.personId,
      (await see(twin, 0.95, 0)).faceId,
    ]);
    expect(await one('select person_id from watchpost.person_photo where id = $1', [enrolled.id])).toEqual({
      person_id: ada.personId,
    });
  });

  it('by a search that began before is a match of the survivor', async () => {
    const face = await see(twin, 0.95, 0);
    const [item] = await owed(database, 'match');
    const slow: typeof match = {
      ...match,
      async work(items, given) {
        const worked = await match.work(items, given);
        await merge(ada.personId, twin.personId);
        return worked;
      },
    };
    expect(await handle(slow, [item!], tools, delivery)).toMatchObject([{ outcome: 'done' }]);
    const rows = await database.rows('select person_id from watchpost.match where face_id = $1', [
      face.faceId,
    ]);
    expect(rows.map((row) => row.person_id)).toEqual([ada.personId, ada.personId]);
    expect(await one('select person_id from watchpost.search where face_id = $1', [face.faceId])).toEqual({
      person_id: ada.personId,
    });
    await settle();
    expect((await standing(ada.personId)).length).toBe(2);
    expect(await violations()).toEqual([]);
  });

  it.skipIf(!onServer)(`waits for a merge that is under way ${needsServer}`, async () => {
    const face = await see(twin, 0.95, 0);
    const [item] = await owed(database, 'match');
    const merging = await connectClient(database);
    await merging.query('begin');
    await merging.query('select watchpost.merge_persons($1, $2)', [ada.personId, twin.personId]);
    const handled = handle(match, [item!], tools, delivery);
    await untilBlocked(database);
    await merging.query('commit');
    expect(await handled).toMatchObject([{ outcome: 'done' }]);
    const rows = await database.rows('select distinct person_id from watchpost.match where face_id = $1', [
      face.faceId,
    ]);
    expect(rows).toEqual([{ person_id: ada.personId }]);
  });

  it.skipIf(!onServer)(`is moved by a merge that waits for it ${needsServer}`, async () => {
    const face = await see(twin, 0.95, 0);
    const [search] = await database.rows('select watchpost.uuidv7() as id');
    const writing = await connectClient(database);
    await writing.query('begin');
    await writing.query(
      `insert into watchpost.match (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold)
       values ($1, $2, $3, $4, $5, 0.9, 0.5)`,
      [search.id, face.imageId, face.faceId, twin.personId, both],
    );
    const merged = merge(ada.personId, twin.personId);
    await untilBlocked(database);
    await writing.query('commit');
    await merged;
    expect(
      await database.rows('select person_id from watchpost.match where face_id = $1', [face.faceId]),
    ).toEqual([{ person_id: ada.personId }]);
  });

  it('by a backfill under way is continued for the survivor', async () => {
    await database.rows(
      `insert into watchpost.backfill (reason, person_id, model_id) values ('enrolled', $1, $2)`,
      [twin.personId, model],
    );
    await merge(ada.personId, twin.personId);
    expect(
      await database.rows('select from watchpost.backfill where person_id = $1', [twin.personId]),
    ).toEqual([]);
    await database.rows(`select watchpost.begin_backfill('listed', $1)`, [twin.personId]);
    expect(
      await database.rows('select from watchpost.backfill where person_id = $1', [twin.personId]),
    ).toEqual([]);
  });
});

describe('undoing a merge', () => {
  /** Episodes that meet, a photo of both, what was said of one and of both, and a review. */
  const live = async () => {
    await see(ada, 0.95, 0);
    await see(twin, 0.95, 3);
    await see(ada, 0.95, 6);
    await see(twin, 0.95, 30);
    const pair = await see(ada, 0.7, 40);
    await see(twin, 0.95, 40, pair);
    const [first, second] = [
      await addFace(database, { model, vector: vectors.any() }),
      await addFace(database, { model, vector: vectors.any() }),
    ];
    await settle();
    await link(twin.personId, first.faceId);
    await link(twin.personId, second.faceId);
    await link(ada.personId, second.faceId);
    await settle();
    const [alert] = await standing(twin.personId);
    await database.rows('select watchpost.acknowledge($1)', [alert?.id]);
  };

  it('gives back exactly the rows before', async () => {
    await live();
    const contradicted = await see(twin, 0.94, 50);
    await settle();
    await link(ada.personId, contradicted.faceId);
    await settle();
    const before = await snapshot();
    const made = await merge(ada.personId, twin.personId, 'the same scar');
    const changed = await snapshot();
    for (const table of [
      'person',
      'person_photo',
      'watchlist_entry',
      'search',
      'match',
      'alert',
      'alert_match',
      'cannot_link',
    ])
      expect(changed[table], table).not.toEqual(before[table]);
    const undone = await unmerge(twin.personId, 'they are sisters');
    expect(await snapshot()).toEqual(before);
    expect(undone).toMatchObject({ id: made.id, undone_by: 'postgres', undo_note: 'they are sisters' });
    expect(
      (
        await one(
          `select payload->>'note' as note from watchpost.full_event where topic = 'person.unmerged' and subject_id = $1`,
          [made.id],
        )
      ).note,
    ).toBe('they are sisters');
    await settle();
    expect(await snapshot(), 'and what is searched again changes nothing').toEqual(before);
    expect(await violations()).toEqual([]);
  });

  it('after the past was searched for the survivor gives back what stood', async () => {
    await live();
    const sightings = async () =>
      database.rows(
        `select m.id, m.face_id, m.person_id, m.watchlist_id, am.alert_id from watchpost.match as m
         left join watchpost.alert_match as am on am.match_id = m.id
         where m.person_id = any ($1) and m.superseded_at is null order by m.face_id, m.watchlist_id`,
        [[ada.personId, twin.personId]],
      );
    const alerts = async () => [await standing(ada.personId), await standing(twin.personId)];
    const before = { sightings: await sightings(), alerts: await alerts() };
    await merge(ada.personId, twin.personId);
    await settle();
    expect((await sightings()).length, 'on both lists now').toBeGreaterThan(before.sightings.length);
    await unmerge(twin.personId);
    await settle();
    expect({ sightings: await sightings(), alerts: await alerts() }).toEqual(before);
    expect(await violations()).toEqual([]);
  });

  it('leaves what has come since with the survivor, and searches it again', async () => {
    await see(ada, 0.95, 0);
    await see(twin, 0.95, 3);
    await settle();
    await merge(ada.personId, twin.personId);
    await settle();
    const photo = await addReference(database, {
      personId: ada.personId,
      model,
      vector: vectors.near(ada.vector, 0.9),
    });
    const [mine, hers] = [await see(ada, 0.97, 4), await see(twin, 0.97, 5)];
    await settle();
    await unmerge(twin.personId);
    await settle();
    expect(await one('select person_id from watchpost.reference where id = $1', [photo])).toEqual({
      person_id: ada.personId,
    });
    const whose = async (face: { faceId: string }) =>
      (
        await database.rows(
          'select distinct person_id from watchpost.match where face_id = $1 and superseded_at is null',
          [face.faceId],
        )
      ).map((row) => row.person_id);
    expect([await whose(mine), await whose(hers)]).toEqual([[ada.personId], [twin.personId]]);
    expect(await violations()).toEqual([]);
  });

  it('does not put anybody on a list that the survivor was taken off since', async () => {
    await merge(ada.personId, twin.personId);
    await database.rows('delete from watchpost.watchlist_entry where watchlist_id = $1', [both]);
    await unmerge(twin.personId);
    expect(
      await database.rows('select watchlist_id from watchpost.watchlist_entry where person_id = any ($1)', [
        [ada.personId, twin.personId],
      ]),
    ).toEqual([{ watchlist_id: other }]);
  });

  it('goes back merge by merge, the latest first', async () => {
    const third = await addKnown('Augusta', vectors.near(ada.vector, 0.7), [other]);
    await see(ada, 0.95, 0);
    await see(twin, 0.95, 2);
    await see(third, 0.95, 4);
    await settle();
    const before = await snapshot();
    await merge(twin.personId, third.personId);
    const between = await snapshot();
    await merge(ada.personId, twin.personId);
    expect(await one('select watchpost.survivor($1) as id', [third.personId])).toEqual({ id: ada.personId });
    await expect(unmerge(third.personId)).rejects.toMatchObject({ code: 'WP084' });
    await unmerge(twin.personId);
    expect(await snapshot()).toEqual(between);
    await unmerge(third.personId);
    expect(await snapshot()).toEqual(before);
  });
});

describe('a merge is refused', () => {
  const refused = (code: string, hint?: RegExp) => ({
    code,
    ...(hint && { hint: expect.stringMatching(hint) }),
  });

  it('of a person with themselves, with nobody, and with somebody who was merged', async () => {
    await expect(merge(ada.personId, ada.personId)).rejects.toMatchObject(refused('WP083'));
    await expect(merge(ada.personId, noOne)).rejects.toMatchObject(refused('WP004'));
    await merge(ada.personId, twin.personId);
    const third = await addKnown('Augusta', vectors.any(), []);
    await expect(merge(third.personId, twin.personId)).rejects.toMatchObject(
      refused('WP081', new RegExp(ada.personId)),
    );
    await expect(merge(twin.personId, third.personId)).rejects.toMatchObject(refused('WP081'));
    await expect(unmerge(ada.personId)).rejects.toMatchObject(refused('WP082'));
    await expect(unmerge(noOne)).rejects.toMatchObject(refused('WP004'));
  });

  it('of two of whom somebody has said that they are two', async () => {
    const said = await one(
      'insert into watchpost.cannot_link (person_id, other_person_id, reason) values ($1, $2, $3) returning id',
      [twin.personId, ada.personId, 'sisters'],
    );
    await expect(merge(ada.personId, twin.personId)).rejects.toMatchObject({
      ...refused('WP080', new RegExp(`where id = '${said.id}'`)),
      message: `postgres has said that 'Ada' and 'Ada L.' are two people: sisters.`,
    });
    await database.rows('delete from watchpost.cannot_link where id = $1', [said.id]);
    await merge(ada.personId, twin.personId);
  });

  it('of two of whom one is said not to be in a photo that enrols the other', async () => {
    const { face_id } = await one(
      `select e.face_id from watchpost.reference as r join watchpost.embedding as e on e.id = r.embedding_id where r.person_id = $1`,
      [twin.personId],
    );
    await link(ada.personId, face_id as string);
    await expect(merge(ada.personId, twin.personId)).rejects.toMatchObject(refused('WP080'));
    await expect(merge(twin.personId, ada.personId)).rejects.toMatchObject(refused('WP080'));
  });

  it('of two whom one photo enrols, and nothing is changed', async () => {
    const { image_id } = await one('select image_id from watchpost.person_photo where person_id = $1', [
      ada.personId,
    ]);
    await database.rows(`alter table watchpost.person_photo disable trigger person_photo_emit`);
    await database.rows(
      'insert into watchpost.person_photo (person_id, image_id, chosen_face) values ($1, $2, 2)',
      [twin.personId, image_id],
    );
    await database.rows(`alter table watchpost.person_photo enable trigger person_photo_emit`);
    const before = await snapshot();
    await expect(merge(ada.personId, twin.personId)).rejects.toMatchObject(refused('WP080', /remove_photo/));
    expect(await snapshot()).toEqual(before);
  });
});
