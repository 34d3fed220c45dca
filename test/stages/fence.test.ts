import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { WatchpostError } from '../../src/errors.ts';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { registerModels } from '../../src/runner/registration.ts';
import { stages } from '../../src/stages/index.ts';
import type { AnyStage, Item, Stage, Tools } from '../../src/stages/stage.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, submit } from '../support/pipeline.ts';

const noOne = '00000000-0000-7000-8000-000000000000';
const first: Delivery = { workerId: noOne, attempt: 1, mayRetry: true, redelivered: false };
const second: Delivery = { ...first, attempt: 2, redelivered: true };
const last: Delivery = { ...second, attempt: 5, mayRetry: false };

const payload = z.object({ name: z.string() });
type Payload = z.infer<typeof payload>;

/**
 * The smallest stage over a real table: an event becomes a person of that name. An empty name can not be written.
 *
 * @param writing what the function does once it has written: nothing more, waits for a lock, or ends its session.
 */
const christen = (
  hooks: Partial<Pick<Stage<Payload, string>, 'work'>> = {},
  writing: 'plain' | 'waits' | 'ends' = 'plain',
): Stage<Payload, string> => ({
  task: 'christen',
  payload,
  async work(items) {
    return items.map((item) => ({ status: 'fulfilled', value: item.name }));
  },
  write: {
    call: 'write_people',
    parameters: (finished) => [
      finished.map(({ item }) => item.event_id),
      finished.map(({ result }) => result),
      writing,
    ],
  },
  ...hooks,
});

/** The lock that `write_people` waits for. */
const lock = 7;

const writePeople = `
  create function write_people(passed uuid[], events uuid[], names text[], writing text) returns integer
  language plpgsql as $$
    declare
      written integer;
    begin
      insert into watchpost.person (name, metadata)
      select p.name, jsonb_build_object('event', p.event_id)
      from unnest(events, names) as p (event_id, name)
      where p.event_id = any (passed);
      get diagnostics written = row_count;
      if writing = 'waits' then
        perform pg_advisory_xact_lock(${lock});
      elsif writing = 'ends' then
        perform pg_terminate_backend(pg_backend_pid());
      end if;
      return written;
    end
  $$`;

describe('handling an event', () => {
  let database: TestDatabase;
  let tools: Tools;
  beforeAll(async () => {
    database = await freshDatabase();
    tools = { database, vision: await realVision() };
    await registerModels(database, tools.vision);
    await database.rows(writePeople);
  });

  /** Commits one event for each payload and gives them as the task would get them. */
  const emit = async (...payloads: object[]): Promise<Item<Payload>[]> => {
    const items = [];
    for (const one of payloads) {
      const [event] = await database.rows(
        `insert into watchpost.event (topic, subject_id, payload, tasks)
         values ('test.born', watchpost.uuidv7(), $1, '{christen}') returning id`,
        [JSON.stringify(one)],
      );
      items.push({ ...(one as Payload), event_id: event.id });
    }
    return items;
  };
  const namesOf = async (items: readonly Item[]): Promise<string[]> =>
    (
      await database.rows(
        `select name from watchpost.person where metadata->>'event' = any ($1) order by name`,
        [items.map((item) => item.event_id)],
      )
    ).map((row) => row.name);
  const recordOf = (item: Item | undefined) =>
    database.rows(
      'select outcome, attempt, code, error from watchpost.handling where event_id = $1 order by id',
      [item?.event_id],
    );
  const outcomes = (handled: { outcome: string }[]) => handled.map((one) => one.outcome);

  it('writes its rows and its record once, however often it is delivered', async () => {
    const items = await emit({ name: 'Ann' }, { name: 'Ben' });
    let worked = 0;
    const stage = christen({
      async work(given) {
        worked += given.length;
        return given.map((item) => ({ status: 'fulfilled', value: item.name }));
      },
    });
    expect(outcomes(await handle(stage, items, tools, first))).toEqual(['done', 'done']);
    expect(outcomes(await handle(stage, items, tools, first))).toEqual(['done_before', 'done_before']);
    expect(worked).toBe(4);
    expect(outcomes(await handle(stage, items, tools, second))).toEqual(['done_before', 'done_before']);
    expect(worked, 'a redelivery spares the work').toBe(4);
    expect(await namesOf(items)).toEqual(['Ann', 'Ben']);
    expect(await recordOf(items[0])).toEqual([{ outcome: 'done', attempt: 1, code: null, error: null }]);
  });

  it('records no retry of what another worker has made a dead letter meanwhile, until it is replayed', async () => {
    const [item] = await emit({ name: 'Kim' });
    const failing = christen({
      work: async (given) => given.map(() => ({ status: 'rejected', reason: new Error('not now') })),
    });
    const dead = { outcome: 'failed', attempt: 1, code: 'internal', error: 'not now' };
    expect(outcomes(await handle(failing, [item!], tools, { ...first, mayRetry: false }))).toEqual([
      'failed',
    ]);
    expect(outcomes(await handle(failing, [item!], tools, first))).toEqual(['done_before']);
    expect(await recordOf(item)).toEqual([dead]);
    const [letter] = await database.rows('select id from watchpost.dead_letter where event_id = $1', [
      item!.event_id,
    ]);
    await database.rows('select watchpost.replay($1)', [letter.id]);
    expect(outcomes(await handle(failing, [item!], tools, first))).toEqual(['retry']);
    expect((await recordOf(item)).map(({ outcome }) => outcome)).toEqual(['failed', 'replayed', 'retry']);
  });

  it('writes only the rows of events that nobody has done', async () => {
    const items = await emit({ name: 'Eve' }, { name: 'Fay' });
    expect(outcomes(await handle(christen(), items.slice(0, 1), tools, first))).toEqual(['done']);
    expect(outcomes(await handle(christen(), items, tools, first))).toEqual(['done_before', 'done']);
    expect(await namesOf(items)).toEqual(['Eve', 'Fay']);
    expect(await recordOf(items[0])).toEqual([{ outcome: 'done', attempt: 1, code: null, error: null }]);
  });

  it('fails only the item that cannot be written, and records both', async () => {
    const items = await emit({ name: 'Gil' }, { name: '' });
    expect(outcomes(await handle(christen(), items, tools, last))).toEqual(['done', 'failed']);
    expect(await namesOf(items)).toEqual(['Gil']);
    expect(await recordOf(items[1])).toEqual([
      {
        outcome: 'failed',
        attempt: 5,
        code: 'name_invalid',
        error: expect.stringContaining('name: give 1 to 200'),
      },
    ]);
  });

  it('handles an event once if a batch contains it twice', async () => {
    const [item] = await emit({ name: 'Once' });
    expect(outcomes(await handle(christen(), [item!, item!], tools, first))).toEqual(['done', 'done']);
    expect(await namesOf([item!])).toEqual(['Once']);
  });

  it('writes once when a real photo is delivered twice at the same time', async () => {
    const id = await submit(database, sample(1));
    const [event] = await database.rows('select id from watchpost.event where image_id = $1', [id]);
    const item = { event_id: event.id, image_id: id };
    const detect = stages[0] as AnyStage;
    const both = await Promise.all([
      handle(detect, [item], tools, first),
      handle(detect, [item], tools, { ...first, attempt: 2 }),
    ]);
    expect(outcomes(both.flat()).sort()).toEqual(['done', 'done_before']);
    const faces = await database.rows('select ordinal from watchpost.face where image_id = $1 order by 1', [
      id,
    ]);
    expect(faces.map((face) => face.ordinal)).toEqual([1, 2, 3]);
  });

  it.skipIf(!onServer)(`makes a second delivery wait at the fence for the first ${needsServer}`, async () => {
    const items = await emit({ name: 'Cleo' }, { name: 'Dan' });
    const holder = await connectClient(database);
    await holder.query('select pg_advisory_lock($1)', [lock]);
    const one = handle(christen({}, 'waits'), items, tools, first);
    await untilBlocked(database);
    const other = handle(christen(), [...items].reverse(), tools, first);
    await untilBlocked(database, 2);
    await holder.query('select pg_advisory_unlock($1)', [lock]);
    expect(outcomes(await one)).toEqual(['done', 'done']);
    expect(outcomes(await other)).toEqual(['done_before', 'done_before']);
    expect(await namesOf(items)).toEqual(['Cleo', 'Dan']);
  });

  it('processes the other items of a batch if one fails', async () => {
    const items = await emit({ name: 'Eve' }, { name: 'fails' }, { name: 'Fay' });
    const stage = christen({
      async work(given) {
        return given.map(({ name }) =>
          name === 'fails'
            ? { status: 'rejected', reason: new Error('no luck') }
            : { status: 'fulfilled', value: name },
        );
      },
    });
    expect(await handle(stage, items, tools, first)).toMatchObject([
      { outcome: 'done' },
      { outcome: 'retry', code: 'internal', error: 'no luck' },
      { outcome: 'done' },
    ]);
    expect(await namesOf(items)).toEqual(['Eve', 'Fay']);
  });

  it('processes the other items of a batch if one cannot be written', async () => {
    const items = await emit({ name: 'Gus' }, { name: '' }, { name: 'Hal' });
    const handled = await handle(christen(), items, tools, first);
    expect(handled).toMatchObject([
      { outcome: 'done' },
      { outcome: 'retry', code: 'name_invalid' },
      { outcome: 'done' },
    ]);
    expect(handled[1]?.error).toContain('name: give 1 to 200');
    expect(await namesOf(items)).toEqual(['Gus', 'Hal']);
    expect((await recordOf(items[1])).map((row) => row.outcome)).toEqual(['retry']);
  });

  it('fails every item, and loses none, if a stage throws', async () => {
    const items = await emit({ name: 'Ida' }, { name: 'Jon' });
    const stage = christen({
      async work() {
        throw new Error('out of order');
      },
    });
    expect(outcomes(await handle(stage, items, tools, first))).toEqual(['retry', 'retry']);
    expect(outcomes(await handle(christen(), items, tools, second))).toEqual(['done', 'done']);
    expect(await namesOf(items)).toEqual(['Ida', 'Jon']);
    expect((await recordOf(items[0])).map((row) => `${row.attempt} ${row.outcome}`)).toEqual([
      '1 retry',
      '2 done',
    ]);
    const [counts] = await database.rows(
      'select outcome, attempt from watchpost.event_task where event_id = $1',
      [items[0]?.event_id],
    );
    expect(counts, 'what counts is that it was done').toEqual({ outcome: 'done', attempt: 2 });
  });

  it('fails with the code and the reason when the attempts are used up', async () => {
    const items = await emit({ name: '' });
    expect(outcomes(await handle(christen(), items, tools, last))).toEqual(['failed']);
    expect(await recordOf(items[0])).toEqual([
      {
        outcome: 'failed',
        attempt: 5,
        code: 'name_invalid',
        error: expect.stringContaining('name: give 1 to 200'),
      },
    ]);
  });

  it('fails an invalid payload at once, and processes the other items', async () => {
    const items = await emit({ nom: 'Kim' }, { name: 'Lea' });
    expect(await handle(christen(), items, tools, first)).toMatchObject([
      { outcome: 'failed', code: 'payload_invalid' },
      { outcome: 'done' },
    ]);
    expect(await namesOf(items)).toEqual(['Lea']);
  });

  it('refuses, with what to do about it, what no attempt could handle, and makes no dead letter of it', async () => {
    const items = await emit({ name: 'spoilt' });
    const stage = christen({
      async work() {
        const reason = new WatchpostError('image_corrupt', 'It is torn.', { hint: 'Send it again.' });
        return [{ status: 'rejected', reason }];
      },
    });
    expect(await handle(stage, items, tools, first)).toMatchObject([
      { outcome: 'refused', code: 'image_corrupt' },
    ]);
    expect(await recordOf(items[0])).toEqual([
      { outcome: 'refused', attempt: 1, code: 'image_corrupt', error: 'It is torn. Send it again.' },
    ]);
    const lettersOf = (view: string) =>
      database.rows(`select id from watchpost.${view} where event_id = $1`, [items[0]?.event_id]);
    expect(await lettersOf('dead_letter')).toEqual([]);
    const [refusal] = await lettersOf('refusal');
    await database.rows('select watchpost.replay($1)', [refusal.id]);
    expect(await lettersOf('refusal')).toEqual([]);
    expect(outcomes(await handle(christen(), items, tools, first))).toEqual(['done']);
  });

  it('records no refusal, and no retry, of what another worker has done meanwhile', async () => {
    const [item] = await emit({ name: 'Kit' });
    const failing = (reason: Error) =>
      christen({ work: async (given) => given.map(() => ({ status: 'rejected', reason })) });
    const refusing = failing(new WatchpostError('image_corrupt', 'It is torn.'));
    expect(outcomes(await handle(christen(), [item!], tools, first))).toEqual(['done']);
    expect(outcomes(await handle(refusing, [item!], tools, first))).toEqual(['done_before']);
    expect((await recordOf(item)).map(({ outcome }) => outcome)).toEqual(['done']);
    const [other] = await emit({ name: 'Liv' });
    expect(outcomes(await handle(refusing, [other!], tools, first))).toEqual(['refused']);
    expect(outcomes(await handle(failing(new Error('not now')), [other!], tools, first))).toEqual([
      'done_before',
    ]);
    expect((await recordOf(other)).map(({ outcome }) => outcome)).toEqual(['refused']);
  });

  it('refuses a text file submitted as a photo at the first attempt', async () => {
    const id = await submit(database, Buffer.from('this is no photo'));
    const [event] = await database.rows('select id from watchpost.event where image_id = $1', [id]);
    const handled = await handle(stages[0] as AnyStage, [{ event_id: event.id, image_id: id }], tools, first);
    expect(handled).toMatchObject([{ outcome: 'refused', code: 'image_format_unsupported' }]);
    expect(
      await database.rows('select state, code from watchpost.image_status where image_id = $1', [id]),
    ).toEqual([{ state: 'failed', code: 'image_format_unsupported' }]);
  });

  it.each(stages.map((stage) => [stage.task, stage] as const))(
    'ends %s as gone, without a retry or a dead letter, when the row it is about was deleted',
    async (_, stage) => {
      const [item] = await emit({
        image_id: noOne,
        face_id: noOne,
        embedding_id: noOne,
        match_id: noOne,
        backfill_id: noOne,
        person_photo_id: noOne,
        alert_id: noOne,
        notification_id: noOne,
        ...{ watchlist_id: noOne, released_at: '2026-11-23T15:04:05.000Z' },
        endpoint_id: noOne,
        ...{ number: 1, digest: '00', sealed_at: '2026-11-23T15:04:05.000Z' },
        ...{ type: 'camera.silent', alarm: { alarm_id: noOne, since: '2026-11-23T15:04:05.000Z' } },
      });
      expect(await handle(stage, [item!], tools, first)).toMatchObject([
        { outcome: 'gone', code: 'row_missing' },
      ]);
      expect(await recordOf(item)).toMatchObject([{ outcome: 'gone', code: 'row_missing' }]);
      expect(outcomes(await handle(stage, [item!], tools, second))).toEqual(['done_before']);
    },
  );

  it.skipIf(!onServer)(
    `throws, and records nothing, when the database goes away ${needsServer}`,
    async () => {
      const items = await emit({ name: 'Mia' });
      await expect(handle(christen({}, 'ends'), items, tools, last)).rejects.toThrow();
      expect(await recordOf(items[0])).toEqual([]);
      expect(await namesOf(items)).toEqual([]);
      expect(outcomes(await handle(christen(), items, tools, last))).toEqual(['done']);
    },
  );
});
