import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { alert } from '../../src/stages/alert.ts';
import { backfill, backfillOf } from '../../src/stages/backfill.ts';
import { usualSize } from '../../src/stages/backfill-batch.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { actingOn } from '../support/acting.ts';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { drain, owed } from '../support/drain.ts';
import { addFace, addKnownPerson, addModel } from '../support/fabricate.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { Vectors } from '../support/vectors.ts';

/** Every row that says who was seen where and what was decided about it; times as text, to the microsecond. */
const everything = async (database: TestDatabase) => {
  const rows = async (from: string) =>
    (await database.rows(`select to_jsonb(r) as row from ${from} as r`))
      .map(({ row }) => JSON.stringify(row))
      .toSorted();
  return {
    alerts: await rows('watchpost.alert'),
    sightingsOfAlerts: await rows('watchpost.alert_match'),
    matches: await rows('(select * from watchpost.match where superseded_at is null)'),
    searches: await rows('(select * from watchpost.search where superseded_at is null)'),
    links: await rows('watchpost.cannot_link'),
    entries: await rows('watchpost.watchlist_entry'),
    lastSeen: await rows('watchpost.last_seen'),
  };
};

describe('undoing the last review of an alert', () => {
  let database: TestDatabase;
  let as: ReturnType<typeof actingOn>;
  beforeAll(async () => {
    database = await freshDatabase();
    as = actingOn(database);
  });

  it.each([
    [[], 'acknowledge($1)'],
    [[], `confirm($1, 'a scar')`],
    [['acknowledge($1)'], 'confirm($1)'],
    [['acknowledge($1)'], `dismiss($1, 'resolved')`],
    [[], `dismiss($1, 'false_alarm', 'a poster')`],
    [['acknowledge($1)', 'confirm($1)'], 'reopen($1)'],
    [[`dismiss($1, 'other')`], 'reopen($1)'],
  ])('after %j and %s makes every row what it was', async (before, review) => {
    const { alertId } = await raiseAlert(database, { reviewers: 1 });
    for (const step of before) await as('api:ann', step, alertId);
    const was = await everything(database);
    await as('api:ben', review, alertId);
    expect(await everything(database)).not.toEqual(was);
    await as('api:ben', 'undo($1)', alertId);
    expect(await everything(database)).toEqual(was);
  });

  it('takes the confirmation of one of two reviewers back, who can then confirm again', async () => {
    const { alertId } = await raiseAlert(database, { reviewers: 2 });
    await as('api:ann', 'confirm($1)', alertId);
    const was = await everything(database);
    await as('api:ben', 'confirm($1)', alertId);
    expect(await as('api:ben', 'undo($1)', alertId)).toMatchObject({
      ...{ state: 'acknowledged', confirmed_by: 'api:ann', second_confirmed_by: null },
    });
    expect(await everything(database)).toEqual(was);
    expect(await as('api:ben', 'confirm($1)', alertId)).toMatchObject({ state: 'confirmed' });
  });

  it('is on record with who, why and what was undone, and erases nothing', async () => {
    const { alertId } = await raiseAlert(database);
    await as('api:ann', `dismiss($1, 'resolved', 'gone home')`, alertId);
    await as('api:ben', `undo($1, 'wrong one')`, alertId);
    const [dismissed, undone] = await database.rows(
      'select id, decision, dismissal, reviewer, note, undoes from watchpost.alert_review where alert_id = $1 order by id',
      [alertId],
    );
    expect(dismissed).toMatchObject({
      ...{
        decision: 'dismissed',
        dismissal: 'resolved',
        reviewer: 'api:ann',
        note: 'gone home',
        undoes: null,
      },
    });
    expect(undone).toMatchObject({
      ...{
        decision: 'undone',
        dismissal: null,
        reviewer: 'api:ben',
        note: 'wrong one',
        undoes: dismissed.id,
      },
    });
    const [event] = await database.rows('select payload from watchpost.event where subject_id = $1', [
      undone.id,
    ]);
    expect(event.payload).toMatchObject({
      ...{ alert_id: alertId, decision: 'undone', reviewer: 'api:ben', undoes: dismissed.id, state: 'open' },
    });
  });

  it('goes back one review at a time, until there is none', async () => {
    const { alertId } = await raiseAlert(database);
    for (const step of ['acknowledge($1)', 'confirm($1)', 'reopen($1)', `dismiss($1, 'other')`])
      await as('api:ann', step, alertId);
    const states = [];
    for (let steps = 0; steps < 4; steps += 1) states.push((await as('api:ann', 'undo($1)', alertId)).state);
    expect(states).toEqual(['open', 'confirmed', 'acknowledged', 'open']);
    await expect(as('api:ann', 'undo($1)', alertId)).rejects.toMatchObject({
      code: 'WP056',
      message: expect.stringContaining('no review of this alert to undo'),
    });
  });

  it('is refused, with who has done what, when another review has followed the one that is meant', async () => {
    const { alertId } = await raiseAlert(database);
    const latest = async () =>
      (
        await database.rows(
          'select id from watchpost.alert_review where alert_id = $1 order by id desc limit 1',
          [alertId],
        )
      )[0].id;
    await as('api:ann', 'acknowledge($1)', alertId);
    const acknowledged = await latest();
    await as('api:ben', 'confirm($1)', alertId);
    const confirmed = await latest();
    const undo = (review: string) => as('api:ann', 'undo($1, null, $2)', alertId, review);
    await expect(undo(acknowledged)).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('confirmed by api:ben') },
    });
    await undo(confirmed);
    await expect(undo(confirmed)).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('undone by api:ann') },
    });
    await expect(undo(await latest())).rejects.toMatchObject({ code: 'WP056' });
    await expect(undo('01890000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('no review of this alert') },
    });
    await expect(
      as('api:ann', 'undo($1)', '01890000-0000-7000-8000-000000000000'),
      'an unknown alert',
    ).rejects.toMatchObject({ code: 'WP050' });
  });

  it('leaves the sightings that have extended the alert since', async () => {
    const { alertId, personId, watchlistId } = await raiseAlert(database, { seen: ['2026-05-01T08:00:00Z'] });
    await as('api:ann', `dismiss($1, 'resolved')`, alertId);
    await database.rows(
      `update watchpost.alert set last_seen = '2026-05-01T08:01:00Z', sightings = sightings where id = $1`,
      [alertId],
    );
    expect(await as('api:ann', 'undo($1)', alertId)).toMatchObject({
      ...{ state: 'open', person_id: personId, watchlist_id: watchlistId },
      last_seen: new Date('2026-05-01T08:01:00Z'),
    });
  });

  it.skipIf(!onServer)(`is done once when two ask at the same moment ${needsServer}`, async () => {
    const { alertId } = await raiseAlert(database);
    await as('api:ann', 'acknowledge($1)', alertId);
    await as('api:ann', 'confirm($1)', alertId);
    const [one, other] = [await connectClient(database), await connectClient(database)];
    await one.query('begin');
    await one.query('select watchpost.undo($1)', [alertId]);
    const second = other.query('select watchpost.undo($1)', [alertId]).catch((error) => error);
    await untilBlocked(database);
    await one.query('commit');
    expect(await second).toMatchObject({ code: 'WP056', message: expect.stringContaining('undone by') });
    const [{ state }] = await database.rows('select state from watchpost.alert where id = $1', [alertId]);
    expect(state).toBe('acknowledged');
  });
});

describe('undoing a dismissal as not them', () => {
  const first: Delivery = {
    ...{ workerId: '00000000-0000-7000-8000-000000000000', attempt: 1, mayRetry: true, redelivered: false },
  };
  const vectors = new Vectors(64, 14);
  let database: TestDatabase;
  let tools: Tools & { database: TestDatabase };
  let as: ReturnType<typeof actingOn>;
  let model: string;
  let lists: string[];
  let ada: { vector: number[]; personId: string; referenceId: string };
  let stranger: number[];

  beforeAll(async () => {
    database = await freshDatabase();
    as = actingOn(database);
    tools = { database, vision: await realVision() };
    model = await addModel(database, 'sixty-four-numbers', 64);
  });

  /** Ada is on two lists, and a stranger looks like her. */
  beforeEach(async () => {
    await database.rows('update watchpost.watchlist set enabled = false');
    const made = await database.rows(
      `insert into watchpost.watchlist (name, threshold)
       select watchpost.uuidv7()::text, t from unnest('{0.5,0.4}'::real[]) as t returning id`,
    );
    lists = made.map(({ id }) => id);
    const vector = vectors.any();
    ada = { vector, ...(await addKnownPerson(database, { name: 'Ada', model, vector, watchlists: lists })) };
    stranger = vectors.near(vector, 0.8);
    await process();
  });

  /** Everything that waits is done, as workers do it. */
  const process = async () => {
    for (let done = 1; done > 0; ) {
      done = 0;
      for (const stage of [match, alert, backfill]) done += await drain(stage, tools);
    }
  };

  /** A face like this vector, in a photo of its own or beside another face. */
  const see = async (vector: readonly number[], capturedAt: string, beside?: { imageId: string }) => {
    const face = await addFace(database, { model, vector, capturedAt });
    if (!beside) return face;
    await database.rows(`update watchpost.face set image_id = $1, ordinal = 2, box_x = 400 where id = $2`, [
      beside.imageId,
      face.faceId,
    ]);
    return { ...face, imageId: beside.imageId };
  };

  const alertOf = async (face: { faceId: string }, list = lists[0]) =>
    (
      await database.rows(
        `select am.alert_id from watchpost.alert_match as am join watchpost.match as m on m.id = am.match_id
         where m.face_id = $1 and m.watchlist_id = $2`,
        [face.faceId, list],
      )
    )[0]?.alert_id;

  const soundly = async () => expect(await database.rows('select * from watchpost.invariant')).toEqual([]);

  it('restores both of its alerts, their sightings and where she was last seen, at once and for good', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    await see(vectors.near(stranger, 0.97), '2026-05-01T08:01:00Z');
    await process();
    const alertId = await alertOf(face);
    const was = await everything(database);
    const dismissed = await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    expect(dismissed.withdrawn_at).toBeInstanceOf(Date);
    await as('api:ann', 'undo($1)', alertId);
    expect(await everything(database)).toEqual(was);
    await process();
    expect(await everything(database), 'after the search of past faces').toEqual(was);
    await soundly();
  });

  it('restores what the search of past faces has withdrawn and found meanwhile', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    // Ada herself, less alike than the stranger beside her.
    await see(vectors.near(ada.vector, 0.7), '2026-05-01T08:00:00Z', face);
    // The same stranger on another day, in another alert.
    const again = await see(vectors.near(stranger, 0.97), '2026-05-02T08:00:00Z');
    await process();
    const [alertId, another] = [await alertOf(face), await alertOf(again)];
    expect(another).not.toBe(alertId);
    const was = await everything(database);

    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    await process();
    const [{ withdrawn_at }] = await database.rows('select withdrawn_at from watchpost.alert where id = $1', [
      another,
    ]);
    expect(withdrawn_at, 'the other alert is withdrawn as well').toBeInstanceOf(Date);
    const found = await database.rows(
      'select from watchpost.alert where retroactive and withdrawn_at is null',
    );
    expect(found, 'and the outranked face has raised alerts of both lists').toHaveLength(2);

    await as('api:ann', 'undo($1)', alertId);
    await process();
    const now = await everything(database);
    // The alerts of the face that was found meanwhile stay on record, withdrawn; its search was written again.
    const known = (rows: string[]) => rows.filter((row) => !row.includes('"retroactive":true'));
    const outcomes = (rows: string[]) =>
      rows.map((row) => JSON.parse(row)).map((row) => `${row.face_id} ${row.outcome} ${row.person_id}`);
    const comparable = (of: typeof was) => ({
      ...of,
      ...{ alerts: known(of.alerts), searches: outcomes(of.searches).toSorted() },
      sightingsOfAlerts: of.sightingsOfAlerts.filter((row) => was.sightingsOfAlerts.includes(row)),
    });
    expect(comparable(now)).toEqual(comparable(was));
    await soundly();
  });

  it('restores the alert also when it is reopened instead, or the cannot_link is deleted by hand', async () => {
    for (const undoing of ['reopen($1)', undefined]) {
      const face = await see(
        vectors.near(stranger, 0.9),
        undoing ? '2026-05-03T08:00:00Z' : '2026-05-04T08:00:00Z',
      );
      await process();
      const alertId = await alertOf(face);
      const was = await everything(database);
      await as('api:ann', `dismiss($1, 'not_them')`, alertId);
      await process();
      if (undoing) await as('api:ann', undoing, alertId);
      else await database.rows('delete from watchpost.cannot_link where alert_id = $1', [alertId]);
      await process();
      const now = await everything(database);
      expect({ ...now, alerts: [] }).toEqual({ ...was, alerts: [] });
      const [back] = await database.rows(
        'select state, withdrawn_at, retroactive from watchpost.alert where id = $1',
        [alertId],
      );
      expect(back).toEqual({ state: undoing ? 'open' : 'dismissed', withdrawn_at: null, retroactive: false });
    }
    await soundly();
  });

  it('puts the cannot_link back, and withdraws again, when a reopening is undone', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    await as('api:ann', `dismiss($1, 'not_them', 'a brother')`, alertId);
    const was = await everything(database);
    await as('api:ann', 'reopen($1)', alertId);
    await as('api:ann', 'undo($1)', alertId);
    const now = await everything(database);
    const timeless = (rows: string[]) =>
      rows.map((row) => row.replace(/"(withdrawn_at|created_at|id)": ?"[^"]+"/g, ''));
    for (const part of ['alerts', 'searches'] as const)
      expect(timeless(now[part]).toSorted(), part).toEqual(timeless(was[part]).toSorted());
    expect(now.links).toEqual(was.links);
    expect(now.matches).toEqual(was.matches);
    // And from there the dismissal itself.
    expect(await as('api:ann', 'undo($1)', alertId)).toMatchObject({ state: 'open', withdrawn_at: null });
    await process();
    await soundly();
  });

  it('is not overruled by a search of past faces that began before', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    const was = await everything(database);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    const [added] = await owed(database, 'backfill');
    await handle(backfill, [added!], tools, first);
    const late: typeof backfill = {
      ...backfill,
      async work(items, given) {
        const worked = await backfill.work(items, given);
        await as('api:ann', 'undo($1)', alertId);
        return worked;
      },
    };
    const next = (await owed(database, 'backfill')).find((item) => 'backfill_id' in item);
    expect(await handle(late, [next!], tools, first)).toMatchObject([{ outcome: 'done' }]);
    expect(await everything(database)).toEqual(was);
    await process();
    expect(await everything(database)).toEqual(was);
  });

  it.skipIf(!onServer)(
    `restores what such a search withdraws while it is being undone ${needsServer}`,
    async () => {
      const face = await see(stranger, '2026-05-01T08:00:00Z');
      const again = await see(vectors.near(stranger, 0.97), '2026-05-02T08:00:00Z');
      await process();
      const [alertId, another] = [await alertOf(face), await alertOf(again)];
      const was = await everything(database);
      await as('api:ann', `dismiss($1, 'not_them')`, alertId);
      const [added] = await owed(database, 'backfill');
      await handle(backfill, [added!], tools, first);

      const client = await connectClient(database);
      await client.query('begin');
      await client.query('select watchpost.undo($1)', [alertId]);
      // One face a batch, the newest first: the other alert's, whose photo the undoing does not hold.
      const next = (await owed(database, 'backfill')).find((item) => 'backfill_id' in item);
      const small = backfillOf({ ...usualSize, search: 1 });
      expect(await handle(small, [next!], tools, first)).toMatchObject([{ outcome: 'done' }]);
      const [{ withdrawn_at }] = await database.rows(
        'select withdrawn_at from watchpost.alert where id = $1',
        [another],
      );
      expect(withdrawn_at).toBeInstanceOf(Date);
      await client.query('commit');
      await process();
      expect(await everything(database)).toEqual(was);
    },
  );

  it('takes the alert of a later sighting of the same episode in, and is refused if somebody has decided on that', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    const herself = await see(vectors.near(ada.vector, 0.95), '2026-05-01T08:01:00Z');
    await process();
    const since = await alertOf(herself);
    expect(since).not.toBe(alertId);

    await as('api:ben', 'confirm($1)', since);
    const decided = await everything(database);
    await expect(as('api:ann', 'undo($1)', alertId)).rejects.toMatchObject({
      code: 'WP056',
      message: expect.stringMatching(new RegExp(`alert ${since}, which was confirmed`)),
    });
    expect(await everything(database), 'and nothing is half done').toEqual(decided);

    await as('api:ben', 'undo($1)', since);
    await as('api:ann', 'undo($1)', alertId);
    expect(await alertOf(herself)).toBe(alertId);
    const [joined] = await database.rows(
      'select state, sightings, withdrawn_at from watchpost.alert where id = $1',
      [alertId],
    );
    expect(joined).toEqual({ state: 'open', sightings: 2, withdrawn_at: null });
    await process();
    await soundly();
  });

  it('takes the face back from whom it was recognised as since, unless somebody has decided on that', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    const was = await everything(database);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    // Less alike than Ada, and so nobody's face before.
    const bea = await addKnownPerson(database, {
      ...{ name: 'Bea', model, watchlists: [lists[0]!] },
      vector: vectors.near(stranger, 0.7),
    });
    await process();
    const [taken] = await database.rows(
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
    const now = await everything(database);
    expect(now.matches).toEqual(was.matches);
    expect(now.searches).toEqual(was.searches);
    expect(now.lastSeen).toEqual(was.lastSeen);
    await soundly();
  });

  it('is refused when the enrolled photo it rested on was removed since', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    await database.rows(
      `select watchpost.remove_photo(r.person_photo_id, 'not her') from watchpost.reference as r where r.id = $1`,
      [ada.referenceId],
    );
    await process();
    await expect(as('api:ann', 'undo($1)', alertId)).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('does not stand any more') },
    });
    expect(await as('api:ann', 'reopen($1)', alertId)).toMatchObject({ state: 'open' });
    await soundly();
  });

  it('does nothing to a person who is being deleted', async () => {
    const face = await see(stranger, '2026-05-01T08:00:00Z');
    await process();
    await as('api:ann', `dismiss($1, 'not_them')`, await alertOf(face));
    await database.rows('delete from watchpost.person where id = $1', [ada.personId]);
    await process();
    await soundly();
  });
});

describe('undoing a dismissal as not them, in real photos with a worker', () => {
  it('restores every row, and the worker that searches the past meanwhile changes nothing', async () => {
    const database = await freshDatabase();
    await runWorker(database, await realVision());
    await enrolAda(database);
    await untilFinal(database, await submit(database, sample(1)));
    await untilIdle(database);
    const [{ id }] = await database.rows('select id from watchpost.alert');
    const was = await everything(database);
    await database.rows(`select watchpost.dismiss($1, 'not_them')`, [id]);
    await database.rows('select watchpost.undo($1)', [id]);
    expect(await everything(database), 'at once').toEqual(was);
    await untilIdle(database);
    expect(await everything(database), 'when all is searched again').toEqual(was);

    await database.rows(`select watchpost.dismiss($1, 'not_them')`, [id]);
    await untilIdle(database);
    expect(await database.rows('select from watchpost.last_seen')).toEqual([]);
    await database.rows('select watchpost.undo($1)', [id]);
    await untilIdle(database);
    expect(await everything(database), 'later').toEqual(was);
  });
});
