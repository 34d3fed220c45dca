import { beforeAll, describe, expect, it } from 'vitest';
import { handle } from '../../src/runner/handle.ts';
import { enrol } from '../../src/stages/enrol.ts';
import { watchpost } from '../commands/support.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from '../http/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drain, owed } from '../support/drain.ts';
import { addKnownPerson, addModel } from '../support/fabricate.ts';
import { realVision } from '../support/pipeline.ts';
import { addUnknown, groupStrangers } from '../support/strangers.ts';
import { until } from '../support/until.ts';
import { Vectors } from '../support/vectors.ts';

/** A stranger whose faces are so like somebody who is enrolled that the gate refuses each of them. */
describe('a stranger none of whose faces can be enrolled', () => {
  let database: TestDatabase;
  let api: Api;
  let ada: string;
  let stranger: string;

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    await admit(database, api);
    const model = await addModel(database, 'strangers', 64);
    await database.rows(`insert into watchpost.watchlist (name) values ('wanted')`);
    await database.rows('select watchpost.enable_strangers()');
    const vectors = new Vectors(64, 5);
    const vector = vectors.any();
    ada = (await addKnownPerson(database, { name: 'Ada', model, vector })).personId;
    await drain(enrol, { database, vision });
    for (const days of [3, 2, 1]) {
      const capturedAt = new Date(Date.now() - days * 86_400_000).toISOString();
      await addUnknown(database, { model, vector: vectors.near(vector, 0.97), capturedAt });
    }
    await groupStrangers(database);
    const [found] = await database.rows('select stranger_id as id from watchpost.recurring_stranger');
    stranger = found.id;
  });

  /** What a worker does that has a slot free. */
  const work = async () => {
    const items = await until(async () => {
      const waiting = await owed(database, 'enrol');
      return waiting.length === 3 && waiting;
    });
    const first = { workerId: ada, attempt: 1, mayRetry: true, redelivered: false };
    await handle(enrol, items, { database, vision: await realVision() }, first);
  };

  const expectNobodyAdded = async () => {
    expect(await database.rows('select name from watchpost.person')).toEqual([{ name: 'Ada' }]);
    expect(await database.rows('select from watchpost.watchlist_entry')).toEqual([]);
    const { body } = await api.call('GET', `/v1/strangers/${stranger}`);
    expect(body).toMatchObject({ person_id: null, person: null, named_at: null, named_by: null });
    expect(body.faces).toHaveLength(3);
    const listed = await api.call('GET', '/v1/strangers');
    expect(listed.body.strangers).toMatchObject([{ id: stranger, visits: 3 }]);
  };

  it('stays a stranger after the command, which says whom they look like', async () => {
    const [ended] = await Promise.all([
      watchpost(['strangers', 'enrol', stranger, 'Bea', '--watchlist', 'wanted'], {
        DATABASE_URL: database.url,
      }),
      work(),
    ]);
    expect(ended.code).toBe(1);
    expect(ended.stdout.match(/refused: The face looks like 'Ada' .* \(face_of_another\)$/gm)).toHaveLength(
      3,
    );
    expect(ended.stderr).toContain('Bea was not added: no photo can be used.');
    await expectNobodyAdded();
  });

  it('stays a stranger after the request, which is answered with the reason', async () => {
    const wanted = { name: 'Bea', watchlists: ['wanted'] };
    const [answer] = await Promise.all([
      api.call('POST', `/v1/strangers/${stranger}/person`, wanted),
      work(),
    ]);
    const { detail } = expectProblem(answer, 'face_of_another');
    expect(detail).toMatch(/^Nobody was added, as no face can enrol them\. The face looks like 'Ada'/);
    await expectNobodyAdded();
  });

  it('is a person once the faces can be enrolled', async () => {
    await database.rows(`delete from watchpost.person where name = 'Ada'`);
    const [answer] = await Promise.all([
      api.call('POST', `/v1/strangers/${stranger}/person`, { name: 'Bea' }),
      work(),
    ]);
    expect(answer.status).toBe(201);
    const { body } = await api.call('GET', `/v1/persons/${answer.body.person_id}`);
    expect(body.photos.map(({ state }: { state: string }) => state)).toEqual(Array(3).fill('enrolled'));
  });
});
