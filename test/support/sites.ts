import { randomBytes } from 'node:crypto';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import type { TestDatabase } from './database.ts';
import { addKnownPerson, addMatch, addModel } from './fabricate.ts';
import { addUnknown, groupStrangers } from './strangers.ts';

/** Rows of every kind that belong to a site; each name contains the name of the site. */
export interface MadeSite {
  readonly siteId: string;
  readonly planId: string;
  readonly cameraId: string;
  readonly watchlistId: string;
  readonly personId: string;
  readonly alertId: string;
  readonly imageId: string;
  readonly faceId: string;
  readonly endpointId: string;
}

/** Fills a site, which is made if it is not there, with rows of every kind. Their vectors begin at this angle. */
export const fillSite = async (database: TestDatabase, name: string, angle: number): Promise<MadeSite> => {
  const { rows } = database;
  const model = await addModel(database, 'sites-model', 4);
  const vector = (turn: number) => [Math.cos(angle + turn), Math.sin(angle + turn), 0, 0];
  await rows('insert into watchpost.site (name) values ($1) on conflict do nothing', [name]);
  const [site] = await rows('select watchpost.find_site($1) as id', [name]);
  const [plan] = await rows(
    `insert into watchpost.plan (name, site_id, image, mime, width, height)
     values ($1, $2, convert_to($1, 'UTF8'), 'image/png', 10, 10) returning id`,
    [`plan of ${name}`, site.id],
  );
  const [camera] = await rows(
    `insert into watchpost.camera (name, location, zone, site_id, plan_id, plan_x, plan_y)
     values ($1, $1, $1, $2, $3, 0.5, 0.5) returning id`,
    [`gate of ${name}`, site.id, plan.id],
  );
  const [list] = await rows(
    'insert into watchpost.watchlist (name, site_id, purpose) values ($1, $2, $1) returning id',
    [`list of ${name}`, site.id],
  );
  const [endpoint] = await rows(
    `with added as (
       select * from watchpost.add_endpoint($1, 'https://example.com/' || $2, array[$3::uuid])
     )
     select endpoint_id as id from added`,
    [`endpoint of ${name}`, site.id, list.id],
  );
  await rows('update watchpost.endpoint set site_id = $2 where id = $1', [endpoint.id, site.id]);

  const [bridge] = await rows(
    `select watchpost.add_bridge($1, 'nats', 'in', 'nats://broker.example', 'photos', camera => $2) as id`,
    [`bridge of ${name}`, camera.id],
  );
  await rows('update watchpost.bridge set site_id = $2 where id = $1', [bridge.id, site.id]);

  // A rule of its own, which the other site must not see.
  await rows(`select watchpost.set_retention('image', age => '3 days', camera => $1)`, [camera.id]);

  const people: string[] = [];
  for (const [index, turn] of [0, 0.7, 0.8].entries()) {
    const { personId } = await addKnownPerson(database, {
      name: `person ${index} of ${name}`,
      model,
      vector: vector(turn),
      site: site.id,
    });
    await rows('update watchpost.person set external_ref = $2 where id = $1', [
      personId,
      `ref ${index} of ${name}`,
    ]);
    await rows('insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)', [
      list.id,
      personId,
    ]);
    people.push(personId);
  }
  // Their photos were made by nobody in particular.
  await rows(
    `update watchpost.image set site_id = $2
     where id in (select image_id from watchpost.person_photo where person_id = any ($1))`,
    [people, site.id],
  );
  await rows('select watchpost.merge_persons($1, $2, $3)', [people[1], people[2], `note of ${name}`]);

  const [alertId, dismissed] = await Promise.all(
    [people[0], people[1]].map(async (personId, index) => {
      const matchId = await addMatch(database, {
        model,
        personId: personId as string,
        watchlistId: list.id,
        similarity: 0.8,
        camera: `gate of ${name}`,
        capturedAt: new Date(Date.now() - index * 3_600_000).toISOString(),
      });
      const [raised] = await rows('select watchpost.raise_alert($1) as id', [matchId]);
      return raised.id as string;
    }),
  );
  await rows('select watchpost.acknowledge($1, $2), watchpost.dismiss($3, $4, $2)', [
    alertId,
    `note of ${name}`,
    dismissed,
    'not_them',
  ]);
  await rows(
    `with due as (
       insert into watchpost.notification (alert_id, endpoint_id, message)
       values ($1, $2, json_build_object('type', $3::text)) returning id, endpoint_id
     )
     insert into watchpost.delivery (notification_id, endpoint_id, attempt) select id, endpoint_id, 1 from due`,
    [alertId, endpoint.id, `message of ${name}`],
  );
  await rows('update watchpost.stranger_setting set enabled = true');
  for (const visit of [1, 2, 3, 4]) {
    await addUnknown(database, {
      model,
      vector: vector(1.2 + visit / 100),
      camera: `gate of ${name}`,
      capturedAt: new Date(Date.now() - visit * 86_400_000).toISOString(),
    });
  }
  await groupStrangers(database);
  await rows(
    `insert into watchpost.demography (face_id, model_id, age, male)
     select f.id, $2, 30, 0.5 from watchpost.face as f join watchpost.image as i on i.id = f.image_id
     where i.camera_id = $1 limit 1`,
    [camera.id, model],
  );
  await rows(
    `with made as (
       insert into watchpost.stranger_rule (name, site_id, enabled) values ($1, $2, false) returning id
     )
     insert into watchpost.stranger_alert (rule_id, camera_id, seen_at, acknowledged_at, acknowledged_by)
     select id, $3, now(), now(), 'guard' from made`,
    [`rule of ${name}`, site.id, camera.id],
  );
  const [seen] = await rows(
    `select m.image_id, m.face_id from watchpost.alert as a join watchpost.match as m on m.id = a.best_match_id
     where a.id = $1`,
    [alertId],
  );
  await rows(
    `with made as (
       insert into watchpost.track
         (camera_id, began_at, ended_at, faces, looks, best, quality, face_id, model_id, vector, revision)
       select i.camera_id, i.captured_at, i.captured_at, 1, 1, array[f.id], 10, f.id, e.model_id, e.vector, 1
       from watchpost.face as f
       join watchpost.image as i on i.id = f.image_id
       join watchpost.embedding as e on e.face_id = f.id
       where f.id = $1
       returning id, face_id
     )
     update watchpost.face as f set track_id = m.id, quality = 10 from made as m where f.id = m.face_id`,
    [seen.face_id],
  );
  await rows(
    `select
       watchpost.record_access('crop', 'face', $1, $2), watchpost.record_access('search', persons => array[$3::uuid])`,
    [seen.face_id, `reason of ${name}`, people[0]],
  );
  return {
    siteId: site.id,
    planId: plan.id,
    cameraId: camera.id,
    watchlistId: list.id,
    personId: people[0] as string,
    alertId: alertId as string,
    imageId: seen.image_id,
    faceId: seen.face_id,
    endpointId: endpoint.id,
  };
};

/** The same database, for a new user with this role only, until `leave`. Needs a real server. */
export const loginWith = async (
  owner: TestDatabase,
  role: string,
): Promise<TestDatabase & { readonly user: string; leave(): Promise<void> }> => {
  const user = `${role}_${randomBytes(4).toString('hex')}`;
  await owner.rows(`create role ${user} login password 'secret' in role ${role}`);
  const url = new URL(owner.url);
  url.username = user;
  url.password = 'secret';
  const database = openDatabase(url.toString(), { log: openLog('silent') });
  return {
    ...database,
    user,
    kind: owner.kind,
    rows: async (text, values = []) => (await database.pool.query(text, values)).rows,
    async leave() {
      await database.close();
      // Users belong to the server and would outlive this database.
      await owner.rows(`drop role ${user}`);
    },
  };
};
