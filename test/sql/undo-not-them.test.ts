import { describe, expect, it } from 'vitest';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { backfill, backfillOf } from '../../src/stages/backfill.ts';
import { usualSize } from '../../src/stages/backfill-batch.ts';
import { adaAndStranger } from '../support/ada-and-stranger.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer } from '../support/database.ts';
import { owed } from '../support/drain.ts';
import { everything } from '../support/everything.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';

describe('undoing a dismissal as not them', () => {
  const first: Delivery = {
    ...{ workerId: '00000000-0000-7000-8000-000000000000', attempt: 1, mayRetry: true, redelivered: false },
  };
  const seen = adaAndStranger();
  const { vectors, rows, as, process, see, alertOf, soundly } = seen;

  it('restores both of its alerts, their sightings and where she was last seen, at once and for good', async () => {
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    await see(vectors.near(seen.stranger, 0.97), '2026-05-01T08:01:00Z');
    await process();
    const alertId = await alertOf(face);
    const was = await everything(seen.database);
    const dismissed = await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    expect(dismissed.withdrawn_at).toBeInstanceOf(Date);
    await as('api:ann', 'undo($1)', alertId);
    expect(await everything(seen.database)).toEqual(was);
    await process();
    expect(await everything(seen.database), 'after the search of past faces').toEqual(was);
    await soundly();
  });

  it('restores what the search of past faces has withdrawn and found meanwhile', async () => {
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    // Ada herself, less alike than the stranger beside her.
    await see(vectors.near(seen.ada.vector, 0.7), '2026-05-01T08:00:00Z', face);
    // The same stranger on another day, in another alert.
    const again = await see(vectors.near(seen.stranger, 0.97), '2026-05-02T08:00:00Z');
    await process();
    const [alertId, another] = [await alertOf(face), await alertOf(again)];
    expect(another).not.toBe(alertId);
    const was = await everything(seen.database);

    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    await process();
    const [{ withdrawn_at }] = await rows('select withdrawn_at from watchpost.alert where id = $1', [
      another,
    ]);
    expect(withdrawn_at, 'the other alert is withdrawn as well').toBeInstanceOf(Date);
    const found = await rows('select from watchpost.alert where retroactive and withdrawn_at is null');
    expect(found, 'and the outranked face has raised alerts of both lists').toHaveLength(2);

    await as('api:ann', 'undo($1)', alertId);
    await process();
    const now = await everything(seen.database);
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
        vectors.near(seen.stranger, 0.9),
        undoing ? '2026-05-03T08:00:00Z' : '2026-05-04T08:00:00Z',
      );
      await process();
      const alertId = await alertOf(face);
      const was = await everything(seen.database);
      await as('api:ann', `dismiss($1, 'not_them')`, alertId);
      await process();
      if (undoing) await as('api:ann', undoing, alertId);
      else await rows('delete from watchpost.cannot_link where alert_id = $1', [alertId]);
      await process();
      const now = await everything(seen.database);
      expect({ ...now, alerts: [] }).toEqual({ ...was, alerts: [] });
      const [back] = await rows(
        'select state, withdrawn_at, retroactive from watchpost.alert where id = $1',
        [alertId],
      );
      expect(back).toEqual({ state: undoing ? 'open' : 'dismissed', withdrawn_at: null, retroactive: false });
    }
    await soundly();
  });

  it('puts the cannot_link back, and withdraws again, when a reopening is undone', async () => {
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    await as('api:ann', `dismiss($1, 'not_them', 'a brother')`, alertId);
    const was = await everything(seen.database);
    await as('api:ann', 'reopen($1)', alertId);
    await as('api:ann', 'undo($1)', alertId);
    const now = await everything(seen.database);
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
    const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
    await process();
    const alertId = await alertOf(face);
    const was = await everything(seen.database);
    await as('api:ann', `dismiss($1, 'not_them')`, alertId);
    const [added] = await owed(seen.database, 'backfill');
    await handle(backfill, [added!], seen.tools, first);
    const late: typeof backfill = {
      ...backfill,
      async work(items, given) {
        const worked = await backfill.work(items, given);
        await as('api:ann', 'undo($1)', alertId);
        return worked;
      },
    };
    const next = (await owed(seen.database, 'backfill')).find((item) => 'backfill_id' in item);
    expect(await handle(late, [next!], seen.tools, first)).toMatchObject([{ outcome: 'done' }]);
    expect(await everything(seen.database)).toEqual(was);
    await process();
    expect(await everything(seen.database)).toEqual(was);
  });

  it.skipIf(!onServer)(
    `restores what such a search withdraws while it is being undone ${needsServer}`,
    async () => {
      const face = await see(seen.stranger, '2026-05-01T08:00:00Z');
      const again = await see(vectors.near(seen.stranger, 0.97), '2026-05-02T08:00:00Z');
      await process();
      const [alertId, another] = [await alertOf(face), await alertOf(again)];
      const was = await everything(seen.database);
      await as('api:ann', `dismiss($1, 'not_them')`, alertId);
      const [added] = await owed(seen.database, 'backfill');
      await handle(backfill, [added!], seen.tools, first);

      const client = await connectClient(seen.database);
      await client.query('begin');
      await client.query('select watchpost.undo($1)', [alertId]);
      // One face a batch, the newest first: the other alert's, whose photo the undoing does not hold.
      const next = (await owed(seen.database, 'backfill')).find((item) => 'backfill_id' in item);
      const small = backfillOf({ ...usualSize, search: 1 });
      expect(await handle(small, [next!], seen.tools, first)).toMatchObject([{ outcome: 'done' }]);
      const [{ withdrawn_at }] = await rows('select withdrawn_at from watchpost.alert where id = $1', [
        another,
      ]);
      expect(withdrawn_at).toBeInstanceOf(Date);
      await client.query('commit');
      await process();
      expect(await everything(seen.database)).toEqual(was);
    },
  );
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
