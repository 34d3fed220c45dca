import { describe, expect, it } from 'vitest';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { match } from '../../src/stages/match.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { needsServer, onServer } from '../support/database.ts';
import { owed } from '../support/drain.ts';
import { twoPeople } from '../support/two-people.ts';

const noOne = '00000000-0000-7000-8000-000000000000';
const delivery: Delivery = { workerId: noOne, attempt: 1, mayRetry: true, redelivered: false };
const two = twoPeople();
const { rows, one, merge, settle, violations, addList, addStranger, see, link, standing } = two;

describe('what is written for a person who was merged', () => {
  it('is written for the survivor: photos, entries of lists, cannot_links', async () => {
    await merge(two.ada.personId, two.twin.personId);
    const list = await addList(`later ${Math.random()}`);
    await rows('insert into watchpost.watchlist_entry values ($1, $2)', [list, two.twin.personId]);
    expect(
      await rows('select person_id from watchpost.watchlist_entry where watchlist_id = $1', [list]),
    ).toEqual([{ person_id: two.ada.personId }]);
    const photo = await one('select * from watchpost.add_person_photo($1, $2)', [
      two.twin.personId,
      Buffer.from('a photo'),
    ]);
    expect(
      await one('select person_id from watchpost.person_photo where id = $1', [photo.person_photo_id]),
    ).toEqual({ person_id: two.ada.personId });
    const face = await addStranger();
    await link(two.twin.personId, face.faceId);
    expect(
      await rows('select person_id from watchpost.cannot_link where face_id = $1', [face.faceId]),
    ).toEqual([{ person_id: two.ada.personId }]);
    const enrolled = await one('select watchpost.enrol_face($1, $2) as id', [
      two.twin.personId,
      (await see(two.twin, 0.95, 0)).faceId,
    ]);
    expect(await one('select person_id from watchpost.person_photo where id = $1', [enrolled.id])).toEqual({
      person_id: two.ada.personId,
    });
  });

  it('by a search that began before is a match of the survivor', async () => {
    const face = await see(two.twin, 0.95, 0);
    const [item] = await owed(two.database, 'match');
    const slow: typeof match = {
      ...match,
      async work(items, given) {
        const worked = await match.work(items, given);
        await merge(two.ada.personId, two.twin.personId);
        return worked;
      },
    };
    expect(await handle(slow, [item!], two.tools, delivery)).toMatchObject([{ outcome: 'done' }]);
    const matches = await rows('select person_id from watchpost.match where face_id = $1', [face.faceId]);
    expect(matches.map((row) => row.person_id)).toEqual([two.ada.personId, two.ada.personId]);
    expect(await one('select person_id from watchpost.search where face_id = $1', [face.faceId])).toEqual({
      person_id: two.ada.personId,
    });
    await settle();
    expect((await standing(two.ada.personId)).length).toBe(2);
    expect(await violations()).toEqual([]);
  });

  it.skipIf(!onServer)(`waits for a merge that is under way ${needsServer}`, async () => {
    const face = await see(two.twin, 0.95, 0);
    const [item] = await owed(two.database, 'match');
    const merging = await connectClient(two.database);
    await merging.query('begin');
    await merging.query('select watchpost.merge_persons($1, $2)', [two.ada.personId, two.twin.personId]);
    const handled = handle(match, [item!], two.tools, delivery);
    await untilBlocked(two.database);
    await merging.query('commit');
    expect(await handled).toMatchObject([{ outcome: 'done' }]);
    const matches = await rows('select distinct person_id from watchpost.match where face_id = $1', [
      face.faceId,
    ]);
    expect(matches).toEqual([{ person_id: two.ada.personId }]);
  });

  it.skipIf(!onServer)(`is moved by a merge that waits for it ${needsServer}`, async () => {
    const face = await see(two.twin, 0.95, 0);
    const [search] = await rows('select watchpost.uuidv7() as id');
    const writing = await connectClient(two.database);
    await writing.query('begin');
    await writing.query(
      `insert into watchpost.match (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold)
       values ($1, $2, $3, $4, $5, 0.9, 0.5)`,
      [search.id, face.imageId, face.faceId, two.twin.personId, two.both],
    );
    const merged = merge(two.ada.personId, two.twin.personId);
    await untilBlocked(two.database);
    await writing.query('commit');
    await merged;
    expect(await rows('select person_id from watchpost.match where face_id = $1', [face.faceId])).toEqual([
      { person_id: two.ada.personId },
    ]);
  });

  it.skipIf(!onServer)(`and a dismissal as not them waits for it too ${needsServer}`, async () => {
    await see(two.twin, 0.95, 0);
    await settle();
    const [alert] = await standing(two.twin.personId);
    const merging = await connectClient(two.database);
    await merging.query('begin');
    await merging.query('select watchpost.lock_people($1)', [[two.ada.personId, two.twin.personId]]);
    const dismissed = one(`select * from watchpost.dismiss($1, 'not_them')`, [alert?.id]);
    await untilBlocked(two.database);
    await merging.query('select watchpost.merge_persons($1, $2)', [two.ada.personId, two.twin.personId]);
    await merging.query('commit');
    expect(await dismissed).toMatchObject({ state: 'dismissed', person_id: two.ada.personId });
    expect(
      await rows('select distinct person_id from watchpost.cannot_link where alert_id = $1', [alert?.id]),
    ).toEqual([{ person_id: two.ada.personId }]);
    await settle();
    expect(await violations()).toEqual([]);
  });

  it('by a backfill under way is continued for the survivor', async () => {
    await rows(`insert into watchpost.backfill (reason, person_id, model_id) values ('enrolled', $1, $2)`, [
      two.twin.personId,
      two.model,
    ]);
    await merge(two.ada.personId, two.twin.personId);
    expect(await rows('select from watchpost.backfill where person_id = $1', [two.twin.personId])).toEqual(
      [],
    );
    await rows(`select watchpost.begin_backfill('listed', $1)`, [two.twin.personId]);
    expect(await rows('select from watchpost.backfill where person_id = $1', [two.twin.personId])).toEqual(
      [],
    );
  });
});
