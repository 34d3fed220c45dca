import { beforeAll, expect, it } from 'vitest';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { registerModels } from '../../src/runner/registration.ts';
import { stageOf } from '../../src/stages/index.ts';
import type { AnyStage, Item, Tools } from '../../src/stages/stage.ts';
import { addToWatchlist, addWatchlist } from '../../src/watchlist/registry.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { owed } from '../support/drain.ts';
import { sample } from '../support/photos.ts';
import { realVision, submit } from '../support/pipeline.ts';

const delivery: Delivery = {
  workerId: '00000000-0000-7000-8000-000000000000',
  attempt: 1,
  mayRetry: false,
  // The stage computes although the event is done, as a slow worker does.
  redelivered: false,
};

/** What the stages write, and the events of that. */
const tables = [
  ...['image', 'face', 'embedding', 'search', 'match', 'alert', 'alert_match', 'notification', 'endpoint'],
  ...['reference', 'backfill', 'demography', 'event', 'handling', 'outbox'],
];

let database: TestDatabase;
let tools: Tools;

beforeAll(async () => {
  database = await freshDatabase();
  tools = { database, vision: await realVision() };
  await registerModels(database, tools.vision);
  await database.rows(`select watchpost.switch_task('describe', true, 'a test')`);
  const list = await addWatchlist(database.db, { name: 'wanted' });
  await database.rows(`select watchpost.add_endpoint('siren', 'https://example.com/')`);
  const [person] = await database.rows(`insert into watchpost.person (name) values ('Ada') returning id`);
  await addToWatchlist(database.db, list.id, person.id);
  await database.rows('select watchpost.add_person_photo($1, $2, 2::smallint)', [person.id, sample(3)]);
});

/** A hash of each row, by table. */
const readRows = async (): Promise<Record<string, string[]>> => {
  const columns = tables.map(
    (table) => `array(select md5(t::text) from watchpost.${table} as t order by 1) as ${table}`,
  );
  const [row] = await database.rows(`select ${columns.join(', ')}`);
  return row;
};

/** Handles the events that a task owes: the first one alone, then all of them, and then all of them again. */
const handleRepeatedly = async (task: string): Promise<void> => {
  const stage = stageOf(task) as AnyStage;
  const [one, ...others] = await owed(database, task);
  if (!one) throw new Error(`There is nothing for ${task} to do.`);
  const outcomes = async (items: Item[]) =>
    (await handle(stage, items, tools, delivery)).map(({ code, outcome }) => code ?? outcome);
  expect(await outcomes([one]), task).toEqual(['done']);
  expect(await outcomes([one, ...others]), task).toEqual(['done_before', ...others.map(() => 'done')]);
  const written = await readRows();
  expect(await outcomes([one, ...others]), task).toEqual(['done_before', ...others.map(() => 'done_before')]);
  expect(await readRows(), task).toEqual(written);
};

it('each stage writes nothing for events that another delivery has done', async () => {
  await submit(database, sample(1));
  // Ada is enrolled after she was seen.
  for (const task of [
    'detect',
    'embed',
    'describe',
    'match',
    'enrol',
    'backfill',
    'backfill',
    'alert',
    'notify',
  ])
    await handleRepeatedly(task);
  // And is seen again.
  await submit(database, sample(1));
  for (const task of ['detect', 'embed', 'match', 'alert', 'notify']) await handleRepeatedly(task);
  // So that nothing is sent.
  await database.rows('update watchpost.endpoint set enabled = false');
  await handleRepeatedly('deliver');

  const written = await readRows();
  expect(
    tables.filter((table) => written[table]?.length === 0),
    'tables without rows',
  ).toEqual([]);
  expect(await database.rows('select state from watchpost.notification')).toEqual([{ state: 'disabled' }]);
  expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
});

it('a notification that is settled keeps its state, and one to a removed endpoint can be settled', async () => {
  const [{ id, endpoint_id }] = await database.rows('select id, endpoint_id from watchpost.notification');
  const settle = (state: string) =>
    database.rows('select watchpost.write_notification_states($1, $1, $1, $2) as written', [[id], [state]]);
  const stateOf = () => database.rows('select state from watchpost.notification');

  expect(await settle('delivered')).toEqual([{ written: 0 }]);
  expect(await stateOf()).toEqual([{ state: 'disabled' }]);
  await database.rows(`update watchpost.notification set state = 'due', settled_at = null`);
  await database.rows('select watchpost.remove_endpoint($1)', [endpoint_id]);
  expect(await settle('gone')).toEqual([{ written: 1 }]);
  expect(await stateOf()).toEqual([{ state: 'gone' }]);
});
