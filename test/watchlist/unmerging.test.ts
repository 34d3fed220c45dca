import { describe, expect, it } from 'vitest';
import { addReference } from '../support/fabricate.ts';
import { twoPeople } from '../support/two-people.ts';

const two = twoPeople();
const {
  rows,
  one,
  merge,
  unmerge,
  snapshot,
  settle,
  violations,
  addKnown,
  addStranger,
  see,
  link,
  standing,
  vectors,
} = two;

describe('undoing a merge', () => {
  /** Episodes that meet, a photo of two.both, what was said of one and of two.both, and a review. */
  const live = async () => {
    await see(two.ada, 0.95, 0);
    await see(two.twin, 0.95, 3);
    await see(two.ada, 0.95, 6);
    await see(two.twin, 0.95, 30);
    const pair = await see(two.ada, 0.7, 40);
    await see(two.twin, 0.95, 40, pair);
    const [first, second] = [await addStranger(), await addStranger()];
    await settle();
    await link(two.twin.personId, first.faceId);
    await link(two.twin.personId, second.faceId);
    await link(two.ada.personId, second.faceId);
    await settle();
    const [alert] = await standing(two.twin.personId);
    await rows('select watchpost.acknowledge($1)', [alert?.id]);
  };

  it('gives back exactly the rows before', async () => {
    await live();
    const contradicted = await see(two.twin, 0.94, 50);
    await settle();
    await link(two.ada.personId, contradicted.faceId);
    await settle();
    const before = await snapshot();
    const made = await merge(two.ada.personId, two.twin.personId, 'the same scar');
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
    const undone = await unmerge(two.twin.personId, 'they are sisters');
    expect(await snapshot()).toEqual(before);
    expect(undone).toMatchObject({ id: made.id, undone_by: 'postgres', undo_note: 'they are sisters' });
    expect(
      (
        await one(
          `select payload->>'note' as note from watchpost.event where topic = 'person.unmerged' and subject_id = $1`,
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
      rows(
        `select m.id, m.face_id, m.person_id, m.watchlist_id, am.alert_id from watchpost.match as m
         left join watchpost.alert_match as am on am.match_id = m.id
         where m.person_id = any ($1) and m.superseded_at is null order by m.face_id, m.watchlist_id`,
        [[two.ada.personId, two.twin.personId]],
      );
    const alerts = async () => [await standing(two.ada.personId), await standing(two.twin.personId)];
    const before = { sightings: await sightings(), alerts: await alerts() };
    await merge(two.ada.personId, two.twin.personId);
    await settle();
    expect((await sightings()).length, 'on both lists now').toBeGreaterThan(before.sightings.length);
    await unmerge(two.twin.personId);
    await settle();
    expect({ sightings: await sightings(), alerts: await alerts() }).toEqual(before);
    expect(await violations()).toEqual([]);
  });

  it('leaves what has come since with the survivor, and searches it again', async () => {
    await see(two.ada, 0.95, 0);
    await see(two.twin, 0.95, 3);
    await settle();
    await merge(two.ada.personId, two.twin.personId);
    await settle();
    const photo = await addReference(two.database, {
      personId: two.ada.personId,
      model: two.model,
      vector: vectors.near(two.ada.vector, 0.9),
    });
    const [mine, hers] = [await see(two.ada, 0.97, 4), await see(two.twin, 0.97, 5)];
    await settle();
    await unmerge(two.twin.personId);
    await settle();
    expect(await one('select person_id from watchpost.reference where id = $1', [photo])).toEqual({
      person_id: two.ada.personId,
    });
    const whose = async (face: { faceId: string }) =>
      (
        await rows(
          'select distinct person_id from watchpost.match where face_id = $1 and superseded_at is null',
          [face.faceId],
        )
      ).map((row) => row.person_id);
    expect([await whose(mine), await whose(hers)]).toEqual([[two.ada.personId], [two.twin.personId]]);
    expect(await violations()).toEqual([]);
  });

  it('does not put anybody on a list that the survivor was taken off since', async () => {
    await merge(two.ada.personId, two.twin.personId);
    await rows('delete from watchpost.watchlist_entry where watchlist_id = $1', [two.both]);
    await unmerge(two.twin.personId);
    expect(
      await rows('select watchlist_id from watchpost.watchlist_entry where person_id = any ($1)', [
        [two.ada.personId, two.twin.personId],
      ]),
    ).toEqual([{ watchlist_id: two.other }]);
  });

  it('goes back merge by merge, the latest first', async () => {
    const third = await addKnown('Augusta', vectors.near(two.ada.vector, 0.7), [two.other]);
    await see(two.ada, 0.95, 0);
    await see(two.twin, 0.95, 2);
    await see(third, 0.95, 4);
    await settle();
    const before = await snapshot();
    await merge(two.twin.personId, third.personId);
    const between = await snapshot();
    await merge(two.ada.personId, two.twin.personId);
    expect(await one('select watchpost.survivor($1) as id', [third.personId])).toEqual({
      id: two.ada.personId,
    });
    await expect(unmerge(third.personId)).rejects.toMatchObject({ code: 'WP084' });
    await unmerge(two.twin.personId);
    expect(await snapshot()).toEqual(between);
    await unmerge(third.personId);
    expect(await snapshot()).toEqual(before);
  });
});
