import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';
import { fillVariables } from '../../../src/commands/program/sql-variables.ts';

/** Rows that the routes and views are asked for. */
export interface Subjects {
  readonly person: string;
  readonly image: string;
  readonly face: string;
  readonly alert: string;
  readonly watchlist: string;
  readonly endpoint: string;
  readonly bridge: string;
  readonly stranger: string;
  readonly calibration: string;
  readonly photo: string;
  readonly event: string;
  readonly camera: string;
  readonly delivery: string;
  readonly search: string;
  readonly sighting: string;
}

export const findSubjects = async (client: pg.Client): Promise<Subjects> => {
  const { rows } = await client.query<Subjects>(`
    select
      (select id from watchpost.person order by id desc limit 1) as person,
      a.image_id as image, a.face_id as face, a.id as alert, a.watchlist_id as watchlist,
      (select id from watchpost.endpoint limit 1) as endpoint,
      (select id from watchpost.bridge limit 1) as bridge,
      (select stranger_id from watchpost.stranger_face limit 1) as stranger,
      (select id from watchpost.calibration limit 1) as calibration,
      (select id from watchpost.person_photo order by id desc limit 1) as photo,
      (select id from watchpost.event order by id desc limit 1) as event,
      (select camera_id from watchpost.image where camera_id is not null order by id desc limit 1) as camera,
      (select id from watchpost.delivery order by id desc limit 1) as delivery,
      (select id from watchpost.search order by id desc limit 1) as search,
      (select best_match_id from watchpost.alert where id = a.id) as sighting
    from watchpost.alert_detail as a
    order by a.id desc
    limit 1`);
  return rows[0]!;
};

/** The last week, as a query. */
const lately = (): string => `since=${new Date(Date.now() - 7 * 86_400_000).toISOString()}`;

/** Every GET route, with the filters that it takes; the second page, where there is one. */
export const routesOf = (s: Subjects): string[] => [
  '/v1/images',
  `/v1/images?limit=1000&after=${s.image}`,
  '/v1/images?camera=camera-3',
  `/v1/images?camera=camera-3&state=done&${lately()}`,
  '/v1/images?state=done',
  '/v1/images?state=received',
  '/v1/images?state=failed',
  `/v1/images/${s.image}`,
  `/v1/images/${s.image}/photo`,
  '/v1/faces',
  `/v1/faces?limit=1000&after=${s.face}`,
  `/v1/faces?camera=camera-3&${lately()}`,
  `/v1/faces?person=${s.person}`,
  `/v1/faces?image=${s.image}`,
  `/v1/faces/${s.face}`,
  `/v1/faces/${s.face}/crop`,
  '/v1/sightings',
  `/v1/sightings?limit=1000&after=${s.sighting}`,
  `/v1/sightings?person=${s.person}`,
  `/v1/sightings?camera=camera-3&watchlist=everybody&${lately()}`,
  `/v1/sightings?image=${s.image}`,
  `/v1/sightings/${s.sighting}`,
  '/v1/tracks',
  `/v1/tracks?limit=1000&${lately()}`,
  '/v1/tracks?camera=camera-3&decision=match',
  `/v1/tracks?person=${s.person}`,
  '/v1/searches',
  '/v1/searches?outcome=match',
  '/v1/searches?outcome=outranked',
  `/v1/searches?camera=camera-3&${lately()}`,
  `/v1/searches?face=${s.face}`,
  `/v1/searches?image=${s.image}`,
  `/v1/searches/${s.search}`,
  '/v1/persons',
  `/v1/persons?limit=1000&after=${s.person.slice(0, -4)}0000`,
  '/v1/persons?name=person%2019',
  '/v1/persons?name=nobody',
  '/v1/persons?query=SON%2019',
  '/v1/persons?query=nobody',
  '/v1/persons?external_ref=ref-77',
  '/v1/persons?watchlist=wanted',
  `/v1/persons/${s.person}`,
  `/v1/persons/${s.person}/sightings`,
  `/v1/persons/${s.person}/path`,
  `/v1/persons/${s.person}/cannot-links`,
  '/v1/watchlists',
  `/v1/watchlists/${s.watchlist}`,
  '/v1/cameras',
  '/v1/plans',
  '/v1/alerts',
  `/v1/alerts?limit=1000&after=${s.alert}`,
  '/v1/alerts?state=open',
  '/v1/alerts?state=confirmed&watchlist=everybody&min_severity=warning&limit=200',
  '/v1/alerts?watchlist=wanted',
  '/v1/alerts?state=open&must_acknowledge=true',
  `/v1/alerts?person_id=${s.person}`,
  `/v1/alerts/${s.alert}`,
  `/v1/alerts/${s.alert}/evidence`,
  `/v1/watchlists/${s.watchlist}/paging`,
  '/v1/endpoints',
  `/v1/endpoints/${s.endpoint}`,
  `/v1/endpoints/${s.endpoint}/deliveries`,
  '/v1/bridges',
  `/v1/bridges/${s.bridge}`,
  '/v1/deliveries',
  '/v1/deliveries?endpoint=mobile&outcome=failed&limit=1000',
  `/v1/deliveries?alert=${s.alert}`,
  `/v1/deliveries/${s.delivery}`,
  '/v1/merges',
  `/v1/merges?person=${s.person}&undone=false`,
  '/v1/workers',
  '/v1/workers?state=running',
  '/v1/calibrations',
  `/v1/calibrations/${s.calibration}`,
  `/v1/calibrations/${s.calibration}.svg`,
  '/v1/strangers',
  '/v1/stranger-rules',
  '/v1/stranger-alerts',
  `/v1/strangers?${lately()}`,
  `/v1/strangers/${s.stranger}`,
  '/v1/dead-letters',
  '/v1/events',
  `/v1/events?limit=1000&after=${s.event}`,
  `/v1/events/${s.event}`,
  `/v1/events?person=${s.person}`,
  `/v1/events?image=${s.image}`,
  `/v1/events?camera=${s.camera}`,
  '/v1/events?topic=face.detected',
  '/v1/events?topic=calibration.stored',
  `/v1/events?since=${new Date(Date.now() - 7 * 86_400_000).toISOString()}`,
  `/v1/events?until=${new Date(Date.now() - 28 * 86_400_000).toISOString()}`,
  '/v1/keys',
  '/v1/sites',
  '/v1/dead-letters?limit=1000',
  '/v1/erasures',
  '/v1/pipeline',
  '/v1/seals',
  '/v1/seals?limit=1000&after=1000',
  '/v1/seals/comparison?first=1000',
];

/** Every view and function that is read, with the filter that one would use. */
export const viewsOf = (s: Subjects): string[] => [
  `active_watchlist`,
  `alert_detail where id = '${s.alert}'`,
  `alert_detail where person_id = '${s.person}'`,
  `alert_detail where state = 'open' and withdrawn_at is null order by last_seen desc limit 100`,
  `alert_detail where created_at > now() - interval '1 day'`,
  `audit_head`,
  `full_event where subject_id = '${s.person}'`,
  `backlog`,
  'bridge_status',
  'bridge_refusal order by id desc limit 20',
  `best_photo where person_id = '${s.person}'`,
  `due where relation = 'image' and id = '${s.image}'`,
  `due where relation = 'image' limit 100`,
  `due where relation = 'person' and due_at < now() limit 100`,
  `dead_letter where image_id = '${s.image}'`,
  `dead_letter where task = 'enrol' order by id desc limit 100`,
  `delivery_log where endpoint_id = '${s.endpoint}' order by id desc limit 100`,
  `delivery_log where alert_id = '${s.alert}'`,
  `ended_task where event_id = '${s.event}'`,
  `event_task where event_id = '${s.event}'`,
  `event_task where image_id = '${s.image}'`,
  `image_status where image_id = '${s.image}'`,
  `image_status order by image_id desc limit 50`,
  `image_status where received_at > now() - interval '1 hour'`,
  `key_status`,
  `last_seen where person_id = '${s.person}'`,
  `last_seen where person = 'Person 300'`,
  `last_seen order by seen_at desc limit 100`,
  `lineage('${s.alert}')`,
  `partition`,
  `pipeline`,
  `photo_status where person_photo_id = '${s.photo}'`,
  `photo_status where person_id = '${s.person}'`,
  `photo_status where person = 'Person 300'`,
  'stranger_alert_detail order by seen_at desc limit 100',
  `recurring_stranger where stranger_id = '${s.stranger}'`,
  `recurring_stranger order by visits desc limit 100`,
  `sighting where person_id = '${s.person}'`,
  `sighting where person = 'Person 300' order by seen_at desc`,
  `sighting where image_id = '${s.image}'`,
  `sighting where seen_at > now() - interval '1 day'`,
  `stranger_sighting where stranger_id = '${s.stranger}'`,
  `stranger_visit where stranger_id = '${s.stranger}'`,
  `stranger_visit where last_seen > now() - interval '1 day'`,
  `timeline('${s.image}')`,
  `path('${s.person}')`,
  `vacuum_holder`,
  `unmatched_face where captured_at > now() - interval '1 day'`,
];

const folder = new URL('../../../sql/examples/', import.meta.url);

/** This one measures everybody against thousands of faces, which takes as long as it takes. */
const measurement = 'calibration-with-stored-strangers.sql';

/** What the examples ask about here, by the name of the variable. */
const variables: Record<string, string> = {
  camera: 'Camera 1',
  chat: '-100123',
  endpoint: 'control room',
  external_ref: 'case-1234',
  key: 'frame 4711',
  list: 'wanted',
  name: 'gate camera',
  person: 'Person 300',
  rate: '0.003',
  reason: 'a stranger who looks like them',
  token: '1:token',
  url: 'https://control-room.example/watchpost',
};

/** The examples that ask or act, each as the statements of its file, which are undone afterwards. */
export const examples = (): { name: string; text: string }[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.sql') && name !== measurement)
    .sort()
    .map((name) => {
      const text = readFileSync(new URL(name, folder), 'utf8').replaceAll(/^(begin|commit);$/gm, '');
      const asked = Object.entries(variables).filter(([variable]) => text.includes(`:'${variable}'`));
      return { name, text: fillVariables(text, Object.fromEntries(asked)) };
    });

/** Milliseconds of the fastest of some calls: other work on the machine makes each of them slower, and none faster. */
export const fastest = async (call: () => Promise<unknown>, times = 5): Promise<number> => {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < times; n++) {
    const begun = performance.now();
    await call();
    least = Math.min(least, performance.now() - begun);
    // What takes that long needs no second try.
    if (least > 2_000) break;
  }
  return least;
};
