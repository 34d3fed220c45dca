import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addPersonPhoto, removePerson, removeWatchlist } from '../../src/watchlist/registry.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let ada: { personId: string; watchlistId: string };

beforeAll(async () => {
  database = await freshDatabase();
  await runWorker(database, await realVision());
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  // From the beginning, because what a worker takes as jobs it may take for a second after it is paused.
  await database.rows(`select watchpost.pause('deliver')`);
  ada = await enrolAda(database);
});

const transact: Parameters<typeof removePerson>[0] = (run) => database.db.transaction().execute(run);
const pause = async (task: string) => {
  await database.rows('select watchpost.pause($1)', [task]);
  // A worker that has read the pauses before may claim once more.
  await untilIdle(database);
};
const resume = async (task: string) => {
  await database.rows('select watchpost.resume($1)', [task]);
  await untilIdle(database);
};
afterEach(() => database.rows(`delete from watchpost.task_pause where task <> 'deliver'`));

/** Resolves once so many events wait for a task. */
const untilWaiting = (task: string, events = 1) =>
  until(async () => {
    const [row] = await database.rows(
      `select (select count(*) from watchpost.outbox where task = $1)
         + (select coalesce(sum(cardinality(events)), 0) from watchpost.claim where task = $1 and worker_id is null)
         + (select count(*) from watchpost.list_job_items() where task = $1) as n`,
      [task],
    );
    return Number(row.n) >= events;
  });
const handlings = (task: string) =>
  database.rows('select outcome, code from watchpost.handling where task = $1 order by created_at, id', [
    task,
  ]);
/** What a task has recorded since. */
const recordedBy = async (task: string, act: () => Promise<unknown>) => {
  const before = (await handlings(task)).length;
  await act();
  return (await handlings(task)).slice(before);
};
const expectNothingWrong = async () => {
  expect(await database.rows('select task, code, error from watchpost.dead_letter')).toEqual([]);
  expect(await database.rows(`select task from watchpost.handling where outcome = 'retry'`)).toEqual([]);
  expect(await database.rows('select rule, subject, finding from watchpost.invariant')).toEqual([]);
};

describe('an event ends as gone, and is no dead letter, when what it is about was deleted before:', () => {
  it('photos, by the hundred', async () => {
    await pause('detect');
    await database.rows(
      `insert into watchpost.image (camera_id, bytes)
       select watchpost.find_camera('gate'), $1 from generate_series(1, 300)`,
      [sample(4)],
    );
    await database.rows(`delete from watchpost.image where purpose = 'probe'`);
    const recorded = await recordedBy('detect', () => resume('detect'));
    expect(recorded).toEqual(Array(300).fill({ outcome: 'gone', code: 'row_missing' }));
    await expectNothingWrong();
  });

  it('a photo whose faces wait to be embedded', async () => {
    await pause('embed');
    const id = await submit(database, sample(4), 'gate');
    await untilWaiting('embed', 4);
    await database.rows('delete from watchpost.image where id = $1', [id]);
    const recorded = await recordedBy('embed', () => resume('embed'));
    expect(recorded).toEqual(Array(4).fill({ outcome: 'gone', code: 'row_missing' }));
    await expectNothingWrong();
  });

  it('a face, and the photo is done and says so', async () => {
    await pause('embed');
    const id = await submit(database, sample(4), 'gate');
    await untilWaiting('embed', 4);
    await database.rows('delete from watchpost.face where image_id = $1', [id]);
    await resume('embed');
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', code: 'row_missing', faces: 0 });
    await expectNothingWrong();
  });

  it('a photo that waits to be searched', async () => {
    await pause('match');
    const id = await submit(database, sample(1), 'gate');
    await untilWaiting('match', 3);
    await database.rows('delete from watchpost.image where id = $1', [id]);
    const recorded = await recordedBy('match', () => resume('match'));
    expect(recorded).toEqual(Array(3).fill({ outcome: 'gone', code: 'row_missing' }));
    await expectNothingWrong();
  });

  it('a match whose photo is deleted', async () => {
    await pause('alert');
    const id = await submit(database, sample(1), 'gate');
    await untilWaiting('alert');
    await database.rows('delete from watchpost.image where id = $1', [id]);
    const recorded = await recordedBy('alert', () => resume('alert'));
    expect(recorded).toEqual([{ outcome: 'gone', code: 'row_missing' }]);
    await expectNothingWrong();
  });

  it('an alert', async () => {
    await pause('notify');
    await submit(database, sample(1), 'gate');
    await untilWaiting('notify');
    await database.rows('delete from watchpost.alert');
    const recorded = await recordedBy('notify', () => resume('notify'));
    expect(recorded).toEqual([{ outcome: 'gone', code: 'row_missing' }]);
    await expectNothingWrong();
  });

  it('an alert that waits to be sent, and an endpoint', async () => {
    for (const name of ['guards', 'desk'])
      await database.rows(`select watchpost.add_endpoint($1, 'https://guards.example/')`, [name]);
    await untilFinal(database, await submit(database, sample(1), 'gate'));
    await untilWaiting('deliver', 2);
    await database.rows(`delete from watchpost.endpoint where name = 'desk'`);
    await database.rows('delete from watchpost.alert');
    const recorded = await recordedBy('deliver', () => resume('deliver'));
    expect(recorded).toEqual(Array(2).fill({ outcome: 'gone', code: 'row_missing' }));
    await database.rows('delete from watchpost.endpoint');
    await expectNothingWrong();
  });

  it('a photo of a person, removed or deleted, at each step', async () => {
    for (const task of ['detect', 'embed', 'enrol']) {
      for (const remove of [
        `select watchpost.remove_photo($1, 'a slip')`,
        'delete from watchpost.person_photo where id = $1',
        'delete from watchpost.image where id = (select image_id from watchpost.person_photo where id = $1)',
      ]) {
        await pause(task);
        const photo = await addPersonPhoto(database, {
          personId: ada.personId,
          bytes: sample(1),
          chosenFace: 2,
        });
        await untilWaiting(task);
        await database.rows(remove, [photo.person_photo_id]);
        await resume(task);
        const [status] = await database.rows('select state from watchpost.image_status where image_id = $1', [
          photo.image_id,
        ]);
        expect(status?.state ?? 'done', `${task}: ${remove}`).toBe('done');
        await expectNothingWrong();
      }
    }
  });

  it('a person, with photos that wait', async () => {
    await pause('detect');
    const [person] = await database.rows(`insert into watchpost.person (name) values ('Bea') returning id`);
    await addPersonPhoto(database, { personId: person.id, bytes: sample(4) });
    await untilWaiting('detect');
    await removePerson(transact, person.id);
    const recorded = await recordedBy('detect', () => resume('detect'));
    expect(recorded).toEqual([{ outcome: 'gone', code: 'row_missing' }]);
    await expectNothingWrong();
  });

  it('a list, with matches that wait for their alert', async () => {
    await pause('alert');
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name) values ('brief') returning id`,
    );
    await database.rows('insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)', [
      list.id,
      ada.personId,
    ]);
    await submit(database, sample(1), 'gate');
    await untilWaiting('alert', 2);
    await removeWatchlist(transact, list.id);
    const recorded = await recordedBy('alert', () => resume('alert'));
    expect(recorded).toContainEqual({ outcome: 'gone', code: 'row_missing' });
    expect(recorded).toContainEqual({ outcome: 'done', code: null });
    await expectNothingWrong();
  });

  it('a camera is none of these: its photos are processed', async () => {
    await pause('detect');
    const id = await submit(database, sample(4), 'gate');
    await database.rows(`select watchpost.remove_camera(watchpost.find_camera('gate'))`);
    await resume('detect');
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 4 });
    await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    await expectNothingWrong();
  });
});

describe.skipIf(!onServer)(`what is deleted while a stage works on it ${needsServer}`, () => {
  /** Deletes in a transaction that is open while a worker wants to write, and then is committed. */
  const deleteWhileWritten = async (
    task: string,
    bytes: Buffer,
    statement: string,
    values: unknown[] = [],
  ) => {
    const client = await connectClient(database);
    await pause(task);
    const id = await submit(database, bytes, 'gate');
    await untilWaiting(task);
    await client.query('begin');
    await client.query(statement, values.length > 0 ? values : [id]);
    await database.rows('select watchpost.resume($1)', [task]);
    await untilBlocked(database);
    await client.query('commit');
    await untilIdle(database);
    return id;
  };

  it.each([
    ['detect', 'delete from watchpost.image where id = $1'],
    ['embed', 'delete from watchpost.image where id = $1'],
    ['match', 'delete from watchpost.image where id = $1'],
    ['match', 'delete from watchpost.face where image_id = $1'],
  ])('is gone when %s writes it, at once', async (task, statement) => {
    const recorded = await recordedBy(task, () => deleteWhileWritten(task, sample(4), statement));
    expect(new Set(recorded.map(({ outcome }) => outcome))).toEqual(new Set(['gone']));
    await expectNothingWrong();
  });

  it('is no longer found, if it is the person whom the search has found', async () => {
    const id = await deleteWhileWritten('match', sample(1), 'delete from watchpost.person where id = $1', [
      ada.personId,
    ]);
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3, matches: 0 });
    await expectNothingWrong();
  });
});
