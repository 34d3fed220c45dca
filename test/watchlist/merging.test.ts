import { describe, expect, it } from 'vitest';
import { type Row, twoPeople } from '../support/two-people.ts';

const noOne = '00000000-0000-7000-8000-000000000000';
const two = twoPeople();
const {
  rows,
  one,
  merge,
  unmerge,
  snapshot,
  settle,
  violations,
  addList,
  addKnown,
  addStranger,
  see,
  link,
  standing,
  vectors,
} = two;

describe('merging two people', () => {
  it('gives one everything of two.both, on record', async () => {
    await see(two.ada, 0.95, 0);
    await see(two.twin, 0.95, 30);
    await settle();
    const [stranger] = [await addStranger()];
    await link(two.twin.personId, stranger.faceId);
    const made = await merge(two.ada.personId, two.twin.personId, 'the same scar');

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
        await rows(`select from watchpost.${table} where person_id = $1`, [two.twin.personId]),
        table,
      ).toEqual([]);
    }
    const seen = await rows(
      'select distinct seen_at, person from watchpost.sighting where person_id = $1 order by 1',
      [two.ada.personId],
    );
    expect(seen.map(({ seen_at, person }) => [seen_at.toISOString().slice(11, 16), person])).toEqual([
      ['12:00', 'Ada'],
      ['12:30', 'Ada'],
    ]);
    expect(
      await one('select reference_count::text as n from watchpost.person_vector where person_id = $1', [
        two.ada.personId,
      ]),
    ).toEqual({ n: '2' });
    expect(
      await one('select location, seen_at::text from watchpost.last_seen where person_id = $1', [
        two.ada.personId,
      ]),
    ).toMatchObject({ location: 'North gate' });
    expect(await one('select watchpost.survivor($1) as id', [two.twin.personId])).toEqual({
      id: two.ada.personId,
    });

    const [event] = await rows(
      'select subject_id, payload from watchpost.event where topic = $1 order by id desc limit 1',
      ['person.merged'],
    );
    expect(event).toMatchObject({
      subject_id: made.id,
      payload: {
        person_id: two.ada.personId,
        merged_id: two.twin.personId,
        by: 'postgres',
        note: 'the same scar',
        moved: { person_photo: 1, reference: 1, match: 2, cannot_link: 1, watchlist_entry: 2 },
      },
    });
    const noted = await rows(
      'select row_id from watchpost.person_merge_row where merge_id = $1 and relation = $2 order by 1',
      [made.id, 'match'],
    );
    expect(event.payload.rows.match, 'what moved, row by row').toEqual(noted.map(({ row_id }) => row_id));
    await settle();
    expect(await violations()).toEqual([]);
  });

  it('makes one alert of two that are of one episode, and keeps what was decided furthest', async () => {
    await see(two.ada, 0.95, 0);
    await see(two.twin, 0.95, 3);
    await see(two.twin, 0.95, 30);
    await settle();
    const [first, second] = [await standing(two.ada.personId), await standing(two.twin.personId)];
    const decided = second.find(({ list }) => list?.startsWith('both')) as Row;
    await rows('select watchpost.acknowledge($1, $2)', [decided.id, 'on my way']);
    await merge(two.ada.personId, two.twin.personId);
    const alerts = (await standing(two.ada.personId)).filter(({ list }) => list?.startsWith('both'));
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
    const worse = await see(two.ada, 0.7, 0);
    const better = await see(two.twin, 0.95, 0, worse);
    await settle();
    await merge(two.ada.personId, two.twin.personId);
    expect(
      await rows(
        'select distinct face_id, person_id from watchpost.match where image_id = $1 and superseded_at is null',
        [worse.imageId],
      ),
    ).toEqual([{ face_id: better.faceId, person_id: two.ada.personId }]);
    expect(
      await one('select outcome from watchpost.search where face_id = $1 and superseded_at is null', [
        worse.faceId,
      ]),
    ).toEqual({ outcome: 'outranked' });
  });

  it('withdraws a match of the one against what was said of the other', async () => {
    const face = await see(two.twin, 0.95, 0);
    await settle();
    await link(two.ada.personId, face.faceId);
    await settle();
    await merge(two.ada.personId, two.twin.personId);
    expect(
      await rows('select superseded_because from watchpost.match where face_id = $1', [face.faceId]),
    ).toEqual([{ superseded_because: 'cannot_link' }, { superseded_because: 'cannot_link' }]);
    await settle();
    expect(await violations()).toEqual([]);
  });

  it('leaves alone who was on a list that has ended', async () => {
    const ended = await addList(`ended ${Math.random()}`);
    await rows('insert into watchpost.watchlist_entry values ($1, $2)', [ended, two.twin.personId]);
    await rows(
      `update watchpost.watchlist set valid_from = '2026-01-01', valid_until = '2026-02-01' where id = $1`,
      [ended],
    );
    await merge(two.ada.personId, two.twin.personId);
    expect(
      await rows('select person_id from watchpost.watchlist_entry where watchlist_id = $1', [ended]),
    ).toEqual([{ person_id: two.ada.personId }]);
  });

  it('forgets both when the survivor is forgotten, and not the survivor by the id of the other', async () => {
    await merge(two.ada.personId, two.twin.personId);
    await expect(rows('select watchpost.forget_person($1)', [two.twin.personId])).rejects.toMatchObject({
      code: 'WP081',
    });
    await rows('select watchpost.forget_person($1)', [two.ada.personId]);
    const people = [two.ada.personId, two.twin.personId];
    expect(await rows('select from watchpost.person where id = any ($1)', [people])).toEqual([]);
    expect(
      await rows('select from watchpost.person_merge where merged_id = $1', [two.twin.personId]),
    ).toEqual([]);
    expect(
      await rows(`select from watchpost.event where topic = 'person.merged' and payload->>'merged_id' = $1`, [
        two.twin.personId,
      ]),
    ).toHaveLength(1);
  });
});

describe('a merge is refused', () => {
  const refused = (code: string, hint?: RegExp) => ({
    code,
    ...(hint && { hint: expect.stringMatching(hint) }),
  });

  it('of a person with themselves, with nobody, and with somebody who was merged', async () => {
    await expect(merge(two.ada.personId, two.ada.personId)).rejects.toMatchObject(refused('WP083'));
    await expect(merge(two.ada.personId, noOne)).rejects.toMatchObject(refused('WP004'));
    await merge(two.ada.personId, two.twin.personId);
    const third = await addKnown('Augusta', vectors.any(), []);
    await expect(merge(third.personId, two.twin.personId)).rejects.toMatchObject(
      refused('WP081', new RegExp(two.ada.personId)),
    );
    await expect(merge(two.twin.personId, third.personId)).rejects.toMatchObject(refused('WP081'));
    await expect(unmerge(two.ada.personId)).rejects.toMatchObject(refused('WP082'));
    await expect(unmerge(noOne)).rejects.toMatchObject(refused('WP004'));
  });

  it('of two of whom somebody has said that they are two', async () => {
    const said = await one(
      'insert into watchpost.cannot_link (person_id, other_person_id, reason) values ($1, $2, $3) returning id',
      [two.twin.personId, two.ada.personId, 'sisters'],
    );
    await expect(merge(two.ada.personId, two.twin.personId)).rejects.toMatchObject({
      ...refused('WP080', new RegExp(`where id = '${said.id}'`)),
      message: `postgres has said that 'Ada' and 'Ada L.' are two people: sisters.`,
    });
    await rows('delete from watchpost.cannot_link where id = $1', [said.id]);
    await merge(two.ada.personId, two.twin.personId);
  });

  it('of two of whom one is said not to be in a photo that enrols the other', async () => {
    const { face_id } = await one(
      `select e.face_id from watchpost.reference as r join watchpost.embedding as e on e.id = r.embedding_id where r.person_id = $1`,
      [two.twin.personId],
    );
    await link(two.ada.personId, face_id as string);
    await expect(merge(two.ada.personId, two.twin.personId)).rejects.toMatchObject(refused('WP080'));
    await expect(merge(two.twin.personId, two.ada.personId)).rejects.toMatchObject(refused('WP080'));
  });

  it('of two whom one photo enrols, and nothing is changed', async () => {
    const { image_id } = await one('select image_id from watchpost.person_photo where person_id = $1', [
      two.ada.personId,
    ]);
    await rows(`alter table watchpost.person_photo disable trigger person_photo_emit`);
    await rows('insert into watchpost.person_photo (person_id, image_id, chosen_face) values ($1, $2, 2)', [
      two.twin.personId,
      image_id,
    ]);
    await rows(`alter table watchpost.person_photo enable trigger person_photo_emit`);
    const before = await snapshot();
    await expect(merge(two.ada.personId, two.twin.personId)).rejects.toMatchObject(
      refused('WP080', /remove_photo/),
    );
    expect(await snapshot()).toEqual(before);
  });
});
