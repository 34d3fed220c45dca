import { describe, expect, it } from 'vitest';
import { adaAndStranger } from '../support/ada-and-stranger.ts';
import { everything } from '../support/everything.ts';
import { addKnownPerson } from '../support/fabricate.ts';

describe('undoing a dismissal as not them, after what has happened meanwhile,', () => {
  const seen = adaAndStranger();
  const { vectors, rows, as, process, see, alertOf, soundly } = seen;

  it('takes the alert of a later sighting of the same episode in, and is refused if somebody has decided on that', async () => {
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    const herself = await see(vectors.near(seen.ada.vector, 0.95), '2026-05-01T08:01:00Z');
    await process();
    const since = await alertOf(herself);
    expect(since).not.toBe(alertId);

    await as('api:ben', 'confirm($1)', since);
    const decided = await everything(seen.database);
    await expect(as('api:ann', 'undo($1)', alertId)).rejects.toMatchObject({
      code: 'WP056',
      message: expect.stringMatching(new RegExp(`alert ${since}, which was confirmed`)),
    });
    expect(await everything(seen.database), 'and nothing is half done').toEqual(decided);

    await as('api:ben', 'undo($1)', since);
    await as('api:ann', 'undo($1)', alertId);
    expect(await alertOf(herself)).toBe(alertId);
    const [joined] = await rows('select state, sightings, withdrawn_at from watchpost.alert where id = $1', [
      alertId,
    ]);
    expect(joined).toEqual({ state: 'open', sightings: 2, withdrawn_at: null });
    await process();
    await soundly();
  });

  it('takes the face back from whom it was recognised as since, unless somebody has decided on that', async () => {
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    const was = await everything(seen.database);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    // Less alike than Ada, and so nobody's face before.
    const bea = await addKnownPerson(seen.database, {
      ...{ name: 'Bea', model: seen.model, watchlists: [seen.lists[0]!] },
      vector: vectors.near(seen.stranger, 0.7),
    });
    await process();
    const [taken] = await rows(
      `select am.alert_id from watchpost.alert_match as am join watchpost.match as m on m.id = am.match_id
       where m.face_id = $1 and m.person_id = $2 and m.superseded_at is null`,
      [face.faceId, bea.personId],
    );
    await as('api:ben', 'confirm($1)', taken.alert_id);
    await expect(as('api:ann', 'undo($1)', alertId)).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringMatching(/another alert of these faces was reviewed/) },
      hint: expect.stringContaining('reopen'),
    });
    await as('api:ben', 'undo($1)', taken.alert_id);
    await as('api:ann', 'undo($1)', alertId);
    await process();
    const now = await everything(seen.database);
    expect(now.matches).toEqual(was.matches);
    expect(now.searches).toEqual(was.searches);
    expect(now.lastSeen).toEqual(was.lastSeen);
    await soundly();
  });

  it('takes the face back from an alert of somebody else that had been decided before it came there', async () => {
    const bea = vectors.near(seen.stranger, 0.7);
    await addKnownPerson(seen.database, {
      ...{ name: 'Bea', model: seen.model, watchlists: [seen.lists[0]!], vector: bea },
    });
    const hers = await see(bea, '2026-05-01T08:00:00Z');
    const face = await see(seen.stranger, '2026-05-01T08:01:00Z');
    await process();
    const [alertId, decided] = [await alertOf(face), await alertOf(hers)];
    await as('api:ben', 'confirm($1)', decided);
    const was = await everything(seen.database);

    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    await process();
    const joined = 'select state, sightings from watchpost.alert where id = $1';
    expect(await rows(joined, [decided])).toEqual([{ state: 'confirmed', sightings: 2 }]);
    await as('api:ann', 'undo($1)', alertId);
    await process();
    expect(await rows(joined, [decided])).toEqual([{ state: 'confirmed', sightings: 1 }]);
    const now = await everything(seen.database);
    expect({ ...now, sightingsOfAlerts: [] }).toEqual({ ...was, sightingsOfAlerts: [] });
    await soundly();
  });

  it('is refused when the enrolled photo it rested on was removed since', async () => {
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    await rows(
      `select watchpost.remove_photo(r.person_photo_id, 'not her') from watchpost.reference as r where r.id = $1`,
      [seen.ada.referenceId],
    );
    await process();
    await expect(as('api:ann', 'undo($1)', alertId)).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('does not stand any more') },
    });
    expect(await as('api:ann', 'reopen($1)', alertId)).toMatchObject({ state: 'open' });
    await soundly();
  });

  it('does nothing to a person who is being deleted', async () => {
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    await process();
    await as('api:ann', `dismiss($1, 'not_them')`, await alertOf(face));
    await rows('delete from watchpost.person where id = $1', [seen.ada.personId]);
    await process();
    await soundly();
  });
});
