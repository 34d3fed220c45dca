import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { expect } from 'vitest';
import { type Api, formOf } from '../http/support.ts';
import { atEnd } from '../support/at-end.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { untilIdle } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

/** Ids of what there is to look at. */
export interface Furnished {
  readonly alert: string;
  readonly ada: string;
  /** Whose only photo was refused, because it is of Ada. */
  readonly adaAgain: string;
  readonly stranger: string;
  /** In which that face was seen. */
  readonly track: string;
  /** The photo that has raised the alert. */
  readonly image: string;
}

/** A filled rectangle of a drawing. */
const rectangle = (left: number, top: number, width: number, height: number, background: string) => ({
  input: { create: { width, height, channels: 3 as const, background } },
  left,
  top,
});

/** A floor plan: four rooms, a corridor and doors. */
const drawPlan = (): Promise<Buffer> => {
  const [floor, wall, room] = ['#ece7dc', '#4a4f57', '#ffffff'] as const;
  const rooms = [
    [80, 80, 420, 300],
    [500, 80, 620, 300],
    [80, 480, 620, 240],
    [700, 480, 420, 240],
  ] as const;
  const doors = [
    [240, 372],
    [760, 372],
    [360, 472],
    [860, 472],
  ] as const;
  return sharp({ create: { width: 1200, height: 800, channels: 3, background: floor } })
    .composite([
      ...rooms.flatMap(([x, y, width, height]) => [
        rectangle(x - 4, y - 4, width + 8, height + 8, wall),
        rectangle(x + 4, y + 4, width - 8, height - 8, room),
      ]),
      ...doors.map(([x, y]) => rectangle(x, y, 70, 16, room)),
      rectangle(76, 372, 8, 30, wall),
      rectangle(1116, 372, 8, 116, wall),
    ])
    .png()
    .toBuffer();
};

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

/** Calls that have to succeed. */
const caller = (api: Api) => async (method: string, path: string, body?: unknown) => {
  const answer = await api.call(method, path, body);
  expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
  return answer.body;
};

const addPlaces = async (call: ReturnType<typeof caller>): Promise<void> => {
  const plan = await call('POST', '/v1/plans', formOf(await drawPlan(), { name: 'Ground floor' }));
  const places = [
    ['north-gate', 'North gate', 'outside', 0.07, 0.54],
    ['lobby', 'Lobby', 'inside', 0.24, 0.28],
    ['garage', 'Garage, level 2', 'inside', 0.75, 0.75],
    ['loading-dock', 'Loading dock', 'outside', 0.9, 0.3],
  ] as const;
  for (const [name, location, zone, x, y] of places)
    await call('POST', '/v1/cameras', { name, location, zone, plan: { id: plan.id, x, y } });
  await call('POST', '/v1/watchlists', {
    name: 'wanted',
    severity: 'critical',
    purpose: 'Thefts in the building',
    reviewers: 2,
    color: '#c2185b',
    sound: 'alarm',
    must_acknowledge: true,
  });
  await call('POST', '/v1/watchlists', {
    name: 'guests',
    severity: 'info',
    purpose: 'Guests who are to be welcomed',
    sound: 'chime',
    zones: ['inside'],
    cameras: ['north-gate'],
  });
  await call('POST', '/v1/sites', { name: 'Harbour' });
};

const addPeople = async (call: ReturnType<typeof caller>, database: TestDatabase) => {
  const add = (name: string, watchlists: string[], more = {}) =>
    call('POST', '/v1/persons', { name, watchlists, legal_basis: 'legitimate_interest', ...more });
  const ada = await add('Ada Lindqvist', ['wanted', 'guests'], { external_ref: 'case 17/2026' });
  await call('POST', `/v1/persons/${ada.id}/photos`, formOf(sample(3), { face: '2' }));
  await untilIdle(database);
  const others = [
    ['Grace Okafor', '1'],
    ['Ines Duarte', '3'],
    ['Mary Jansen', '4'],
  ] as const;
  for (const [name, face] of others) {
    const { id } = await add(name, ['guests']);
    await call('POST', `/v1/persons/${id}/photos`, formOf(sample(3), { face }));
  }
  const adaAgain = await add('Ada L.', ['wanted']);
  await call('POST', `/v1/persons/${adaAgain.id}/photos`, formOf(sample(3), { face: '2' }));
  await untilIdle(database);
  return { ada: ada.id as string, adaAgain: adaAgain.id as string };
};

/** A server that takes webhooks, but not those of its /pager. */
const startReceiver = async (): Promise<string> => {
  const server = createServer(({ url }, response) => response.writeHead(url === '/pager' ? 503 : 204).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/**
 * Fails the raising of alerts while a photo of Ada arrives, for good: one dead letter. What has failed is mended afterwards, so
 * that putting it back raises the alert.
 */
export const addDeadLetter = async (api: Api, database: TestDatabase, camera: string): Promise<void> => {
  const name = 'watchpost.write_alerts';
  const [{ args }] = await database.rows(
    `select pg_get_function_identity_arguments('${name}'::regproc) as args`,
  );
  const [{ attempts }] = await database.rows(
    `select max_attempts as attempts from watchpost.subscription where task = 'alert'`,
  );
  await database.rows(`alter function ${name}(${args}) rename to write_alerts_away`);
  await database.rows(`update watchpost.subscription set max_attempts = 1 where task = 'alert'`);
  await caller(api)('POST', '/v1/images', formOf(sample(1), { camera }));
  await until(
    async () => (await database.rows(`select 1 from watchpost.dead_letter where task = 'alert'`)).length > 0,
  );
  await database.rows(`alter function ${name}_away(${args}) rename to write_alerts`);
  await database.rows(`update watchpost.subscription set max_attempts = $1 where task = 'alert'`, [attempts]);
};

/** Bridges of every state. No process does their work: what one would have noted is written here. */
const addBridges = async (call: ReturnType<typeof caller>, database: TestDatabase): Promise<void> => {
  const bridges = [
    {
      name: 'alerts',
      kind: 'kafka',
      direction: 'out',
      url: 'kafkas://kafka.example:9093',
      address: 'watchpost.alerts',
    },
    {
      name: 'gate photos',
      kind: 'rabbitmq',
      direction: 'in',
      url: 'amqps://rabbit.example/cameras',
      address: 'photos',
    },
    {
      name: 'old broker',
      kind: 'mqtt',
      direction: 'out',
      url: 'mqtts://broker.example',
      address: 'watchpost/{topic}',
    },
  ] as const;
  for (const bridge of bridges)
    await call('POST', '/v1/bridges', {
      ...bridge,
      ...(bridge.direction === 'in'
        ? { camera: 'north-gate' }
        : { from_beginning: bridge.name === 'old broker' }),
      ...(bridge.kind === 'kafka' ? { credentials: { username: 'watchpost', password: 'a password' } } : {}),
    });
  await database.rows(
    `update watchpost.bridge_state as s
     set holder = gen_random_uuid(), held_until = now() + interval '1 hour', published = 1204, last_at = now(),
       connected_at = now() - interval '3 hours'
     from watchpost.bridge as b where b.id = s.bridge_id and b.name = 'alerts'`,
  );
  await database.rows(
    `update watchpost.bridge_state as s
     set received = 3120, refused = 4, last_at = now() - interval '20 minutes', error = 'connect ECONNREFUSED 10.20.0.7:5671'
     from watchpost.bridge as b where b.id = s.bridge_id and b.name = 'gate photos'`,
  );
  await database.rows(`select watchpost.disable_bridge(watchpost.find_bridge('old broker'))`);
};

/** Sources of two cameras: one that is watched, and one that cannot be connected. */
const addSources = async (call: ReturnType<typeof caller>, database: TestDatabase): Promise<void> => {
  const { cameras } = await call('GET', '/v1/cameras');
  const set = async (name: string, changes: object, columns: string) => {
    const { id } = cameras.find((camera: { name: string }) => camera.name === name);
    await call('PATCH', `/v1/cameras/${id}`, changes);
    await database.rows(
      `insert into watchpost.camera_watch
         (camera_id, watcher, leased_until, state, connected_at, problem, read, submitted, dropped, reconnects)
       values ($1, gen_random_uuid(), now() + interval '1 hour', ${columns})`,
      [id],
    );
  };
  await set(
    'loading-dock',
    {
      source: 'rtsps://dock.example/stream',
      frames_per_second: 2,
      region: { x: 0.25, y: 0, width: 0.5, height: 1 },
    },
    `'watching', now() - interval '2 hours', null, 14388, 14352, 36, 1`,
  );
  await set(
    'garage',
    { source: 'rtsps://garage.example/stream', frames_per_second: 2 },
    `'connecting', null, 'The server cannot be reached.', 512, 512, 0, 9`,
  );
};

/** The passage in which a face was seen, as of a camera with a frame rate. */
const addTrack = async (database: TestDatabase, face: string): Promise<string> => {
  const [track] = await database.rows(
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
     update watchpost.face as f set track_id = m.id, quality = 10 from made as m where f.id = m.face_id
     returning track_id as id`,
    [face],
  );
  return track.id;
};

/** An installation with something on every page, by real photos. */
export const furnish = async (database: TestDatabase, api: Api): Promise<Furnished> => {
  const call = caller(api);
  await addPlaces(call);
  const receiver = await startReceiver();
  await call('POST', '/v1/endpoints', { name: 'control room', url: `${receiver}/hook` });
  const people = await addPeople(call, database);
  await database.rows(`select watchpost.enable_strangers(0.4, 2, null, '1 minute')`);
  const frames = [
    [1, 'lobby', 55],
    [4, 'garage', 40],
    [1, 'north-gate', 25],
    [5, 'lobby', 12],
    [6, 'garage', 4],
    [1, 'lobby', 2],
  ] as const;
  for (const [photo, camera, minutes] of frames)
    await call('POST', '/v1/images', formOf(sample(photo), { camera, captured_at: ago(minutes) }));
  await untilIdle(database);
  for (let more = true; more; )
    more = (await database.rows('select more from watchpost.group_strangers(500)'))[0].more;
  const { alerts } = await call('GET', '/v1/alerts?watchlist=wanted');
  const [alert] = alerts;
  expect(alert, 'Ada was not seen').toBeDefined();
  await call('POST', `/v1/alerts/${alert.id}/acknowledge`, { note: 'The guard at the gate is told.' });
  await call('POST', `/v1/alerts/${alert.id}/undo`);
  // Only now: what it refuses is tried again for hours.
  await call('POST', '/v1/endpoints', {
    name: 'old pager',
    url: `${receiver}/pager`,
    min_severity: 'critical',
    watchlists: ['wanted'],
    sends: 'both',
  });
  const { endpoints } = await call('GET', '/v1/endpoints');
  for (const { id } of endpoints) await call('POST', `/v1/endpoints/${id}/test`);
  await call('POST', '/v1/keys', { name: 'front desk', scopes: ['read', 'review'] });
  await call('POST', '/v1/keys', { name: 'gate camera', scopes: ['submit'], cameras: ['north-gate'] });
  const { strangers } = await call('GET', '/v1/strangers?visits=1');
  const rule = await call('POST', '/v1/stranger-rules', {
    ...{ name: 'Back door at night', days: [5, 6, 7], hours: { from: '22:00', until: '06:00' } },
    ...{ time_zone: 'Europe/Vienna', severity: 'critical' },
  });
  await database.rows(
    `insert into watchpost.stranger_alert (rule_id, camera_id, face_id, seen_at)
     select $1, i.camera_id, s.face_id, s.seen_at
     from watchpost.stranger_face as s
     join watchpost.face as f on f.id = s.face_id
     join watchpost.image as i on i.id = f.image_id and i.camera_id is not null
     order by s.face_id limit 2`,
    [rule.id],
  );
  await addBridges(call, database);
  await addSources(call, database);
  const track = await addTrack(database, alert.face_id);
  return { ...people, alert: alert.id, image: alert.image_id, stranger: strangers[0]?.id ?? '', track };
};

/** The address of every page, with the parts of each. */
export const addressesOf = ({
  alert,
  ada,
  stranger,
  image,
  track,
}: Furnished): Readonly<Record<string, string>> => ({
  live: '/console/',
  alerts: '/console/alerts',
  alert: `/console/alerts/${alert}`,
  search: '/console/search',
  people: '/console/people',
  person: `/console/people/${ada}`,
  strangers: '/console/strangers',
  stranger: `/console/strangers/${stranger}`,
  'stranger-rules': '/console/strangers/rules',
  track: `/console/tracks/${track}`,
  lists: '/console/lists',
  cameras: '/console/cameras',
  pipeline: '/console/pipeline',
  photos: '/console/pipeline/images',
  photo: `/console/pipeline/images/${image}`,
  'dead-letters': '/console/pipeline/dead-letters',
  record: '/console/record',
  seals: '/console/record/seals',
  access: '/console/record/access',
  settings: '/console/settings',
  endpoints: '/console/settings/endpoints',
  bridges: '/console/settings/bridges',
  keys: '/console/settings/keys',
  sites: '/console/settings/sites',
  unknown: '/console/nowhere',
});

/** Opens the dialog of a page, by its button. */
export const dialogs: readonly { readonly name: string; readonly at: string; readonly button: RegExp }[] = [
  { name: 'add-person', at: 'people', button: /^Add a person$/ },
  { name: 'change-person', at: 'person', button: /^Change$/ },
  { name: 'merge', at: 'person', button: /^Merge$/ },
  { name: 'name-stranger', at: 'stranger', button: /^Give a name$/ },
  { name: 'new-rule', at: 'stranger-rules', button: /^New rule$/ },
  { name: 'new-list', at: 'lists', button: /^New list$/ },
  { name: 'change-list', at: 'lists', button: /^Change wanted$/ },
  { name: 'change-camera', at: 'cameras', button: /^Change Lobby$/ },
  { name: 'change-source', at: 'cameras', button: /^Change Loading dock$/ },
  { name: 'new-key', at: 'keys', button: /^New key$/ },
  { name: 'paging', at: 'lists', button: /^Paging of wanted$/ },
  { name: 'add-endpoint', at: 'endpoints', button: /^Add an endpoint$/ },
  { name: 'add-bridge', at: 'bridges', button: /^Add a bridge$/ },
  { name: 'change-bridge', at: 'bridges', button: /^Change gate photos$/ },
];
