import { signLink } from '../../../src/endpoints/links.ts';
import { raiseAlert } from '../../support/alerts.ts';
import { headerOf } from '../../support/bad-photos.ts';
import type { TestDatabase } from '../../support/database.ts';
import { addFace, addKnownPerson, addModel, addReference } from '../../support/fabricate.ts';
import { groupStrangers } from '../../support/strangers.ts';
import { until } from '../../support/until.ts';
import { Vectors } from '../../support/vectors.ts';

/** Ids and names of existing things, by the word that a path uses for them. */
export type State = Record<string, string[]>;

const queries: Record<string, string> = {
  persons: 'select id from watchpost.person',
  'merged persons': 'select id from watchpost.person where merged_into is not null',
  photos: 'select id from watchpost.person_photo where removed_at is null',
  'persons of photos': 'select person_id as id from watchpost.person_photo where removed_at is null',
  'photos with their persons': `select person_id || ' ' || id as id from watchpost.person_photo where removed_at is null`,
  watchlists: 'select id from watchpost.watchlist',
  'names of watchlists': 'select name as id from watchpost.watchlist',
  cameras: 'select id from watchpost.camera where removed_at is null',
  'names of cameras': 'select name as id from watchpost.camera where removed_at is null',
  images: 'select id from watchpost.image',
  faces: 'select id from watchpost.face',
  alerts: 'select id from watchpost.alert',
  'reviewed alerts': `select id from watchpost.alert where state in ('confirmed', 'dismissed')`,
  reviews: `select id from watchpost.alert_review where decision <> 'undone'`,
  endpoints: 'select id from watchpost.endpoint where removed_at is null',
  bridges: 'select id from watchpost.bridge where removed_at is null',
  'names of bridges': 'select name as id from watchpost.bridge where removed_at is null',
  plans: 'select id from watchpost.plan',
  'names of plans': 'select name as id from watchpost.plan',
  'cannot-links': 'select id from watchpost.cannot_link',
  'links with their persons': `select person_id || ' ' || id as id from watchpost.cannot_link`,
  'names of endpoints': 'select name as id from watchpost.endpoint where removed_at is null',
  deliveries: 'select id from watchpost.delivery',
  events: 'select id from watchpost.event where image_id is not null',
  searches: 'select id from watchpost.search',
  sightings: 'select id from watchpost.match where superseded_at is null',
  tracks: 'select id from watchpost.track where faces > 0',
  merges: 'select id from watchpost.person_merge',
  workers: 'select id from watchpost.worker',
  sites: 'select id from watchpost.site',
  calibrations: 'select id from watchpost.calibration',
  strangers: 'select id from watchpost.stranger where person_id is null and merged_into is null',
  'stranger-rules': 'select id from watchpost.stranger_rule',
  'names of stranger-rules': 'select name as id from watchpost.stranger_rule',
  'stranger-alerts': 'select id from watchpost.stranger_alert',
  'reviewed stranger-alerts': 'select id from watchpost.stranger_alert where acknowledged_at is not null',
  // Not those that the calls are made with.
  keys: `select id from watchpost.key_status where state = 'valid' and name <> 'environment' and name not like 'fuzz %'`,
  'names of keys': `select name as id from watchpost.key_status where name not like 'fuzz %'`,
  accesses: 'select id from watchpost.access',
  erasures: 'select id from watchpost.erasure',
  'kinds of what is kept': 'select relation as id from watchpost.retention where camera_id is null',
  'dead-letters': 'select id from watchpost.given_up',
  payloads: `select payload::text as id from watchpost.event where image_id is not null`,
  tasks: 'select distinct unnest(tasks) as id from watchpost.event',
  // One that nothing waits for: with others paused, photos would not come to an end.
  'tasks to pause': `select 'heads' as id`,
};

/** Made once: a calibration, and strangers that are grouped. */
export const prepare = async (database: TestDatabase): Promise<void> => {
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  await database.rows(
    `select watchpost.enable_strangers(0.55, 3, interval '30 days', interval '30 minutes')`,
  );
  const model = await addModel(database, 'four', 4);
  const ada = await addKnownPerson(database, { name: 'Ada', model, vector: [1, 0, 0, 0] });
  await addReference(database, { ...ada, model, vector: [0.8, 0.6, 0, 0] });
  await addKnownPerson(database, { name: 'Bea', model, vector: [0.6, 0.8, 0, 0] });
  await database.rows(`select watchpost.calibrate(model => 'four')`);
};

/** In one transaction: a worker that saw the face without its match would write the match itself. */
const inOneTransaction = async <T>(
  database: TestDatabase,
  work: (database: TestDatabase) => Promise<T>,
): Promise<T> => {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    const result = await work({
      ...database,
      rows: async (text, values = []) => (await client.query(text, values)).rows,
    });
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
};

/** So that the link to an alert is always the same. */
const signedAt = Date.now();

let made = 0;
const vectors = new Vectors(64, 3);

/** Resolves when nothing is due. A message to an unreachable endpoint may wait for its next attempt. */
export const untilCalm = (database: TestDatabase): Promise<unknown> =>
  until(async () => {
    const [left] = await database.rows(
      `select
         exists (select from watchpost.outbox)
         or exists (select from watchpost.claim)
         or exists (select from graphile_worker.jobs where run_at <= now() and task_identifier <> 'deliver') as work`,
    );
    return !left.work;
  });

/** What there is: all of it, or the part that is asked for. */
export const readState = async (database: TestDatabase, part = 'order by id'): Promise<State> => {
  const state: State = {};
  for (const [word, query] of Object.entries(queries)) {
    const rows = await database.rows(`select id from (${query}) as q ${part}`);
    state[word] = rows.map(({ id }) => id);
  }
  // Whoever has a link sees what it leads to, also of the site that is hidden from keys.
  const linked = await database.rows(
    `select id from (
       select a.id
       from watchpost.alert as a
       join watchpost.watchlist as w on w.id = a.watchlist_id
       join watchpost.site as s on s.id = w.site_id
       where a.withdrawn_at is null and s.name <> 'hidden'
     ) as q ${part}`,
  );
  const links = linked.map(({ id }) => signLink(database.db, id, signedAt));
  state.links = (await Promise.all(links)).map((link) => link.replace('links/', ''));
  return state;
};

/** Makes one more of everything by SQL, as the calls remove much of it, and returns what there is. */
export const refresh = async (
  database: TestDatabase,
  { photo, endpointUrl }: { photo: Buffer; endpointUrl: string },
): Promise<State> => {
  made += 1;
  const { personId } = await inOneTransaction(database, (alone) => raiseAlert(alone));
  await inOneTransaction(database, (alone) => raiseAlert(alone, { reviewers: 2 }));
  // Those that calls have reviewed may rest on what other calls have deleted, and then nothing can be undone.
  const { alertId } = await inOneTransaction(database, (alone) => raiseAlert(alone));
  await database.rows(`select watchpost.confirm($1, 'seen')`, [alertId]);
  for (const face of [1, 2]) {
    await database.rows('select watchpost.add_person_photo($1, $2, $3::smallint)', [personId, photo, face]);
  }
  await database.rows(
    `with two as (
       insert into watchpost.person (name) values ('One'), ('The same') returning id
     )
     select watchpost.merge_persons(min(t.id::text)::uuid, max(t.id::text)::uuid) from two as t`,
  );
  // A photo that is refused: what was given up can be put back.
  await database.rows('select watchpost.submit_image($1)', [headerOf(photo)]);
  // Each alert goes to every endpoint that is enabled: only to the newest, as thousands of messages show no more than hundreds.
  await database.rows('update watchpost.endpoint set enabled = false where enabled');
  await database.rows('select watchpost.add_endpoint(name => $1, url => $2, internal => true)', [
    `endpoint ${made}`,
    endpointUrl,
  ]);
  await database.rows(`select watchpost.add_bridge($1, 'nats', 'in', 'nats://broker.example', 'photos')`, [
    `bridge ${made}`,
  ]);
  await database.rows('select watchpost.create_key($1)', [`made ${made}`]);
  // One with nothing at it can be removed.
  await database.rows('insert into watchpost.site (name) values ($1)', [`site ${made}`]);
  await database.rows(
    `insert into watchpost.plan (name, image, mime, width, height) values ($1, 'a picture', 'image/png', 10, 10)`,
    [`plan ${made}`],
  );
  await database.rows(
    `insert into watchpost.cannot_link (person_id, face_id)
     select $1, f.id from watchpost.face as f order by f.id desc limit 1 on conflict do nothing`,
    [personId],
  );
  await database.rows(
    `with made as (
       insert into watchpost.stranger_rule (name) values ($1) returning id
     )
     insert into watchpost.stranger_alert (rule_id, camera_id, seen_at)
     select m.id, c.id, now() from made as m cross join (select id from watchpost.camera limit 1) as c`,
    [`rule ${made}`],
  );
  const model = await addModel(database, 'strangers', 64);
  const vector = vectors.any();
  for (const minutes of [5, 100, 200]) {
    const capturedAt = new Date(Date.now() - minutes * 60_000).toISOString();
    await addFace(database, { model, vector, capturedAt });
  }
  await database.rows(
    `insert into watchpost.camera (name, location, frames_per_second) values ('film', 'Door', 10) on conflict do nothing`,
  );
  for (const second of [0, 1]) {
    const capturedAt = new Date(Date.now() - 60_000 + second * 1000).toISOString();
    await addFace(database, { model, vector, capturedAt, camera: 'film' });
  }
  await untilCalm(database);
  await groupStrangers(database);
  await database.rows(
    `insert into watchpost.stranger_rule (name, enabled) values ('seen', false), ('looked at', false) on conflict do nothing`,
  );
  await database.rows(
    `insert into watchpost.stranger_alert (rule_id, camera_id, face_id, seen_at, acknowledged_at, acknowledged_by)
     select
       r.id, i.camera_id, f.id, i.captured_at,
       case when r.name = 'looked at' then now() end, case when r.name = 'looked at' then 'guard' end
     from watchpost.stranger_rule as r
     cross join watchpost.face as f
     join watchpost.image as i on i.id = f.image_id
     join watchpost.camera as c on c.id = i.camera_id and c.name = 'film' and c.site_id = r.site_id
     where r.name in ('seen', 'looked at')
     order by f.id desc
     limit 2
     on conflict do nothing`,
  );
  return readState(database, 'order by random() limit 20');
};
